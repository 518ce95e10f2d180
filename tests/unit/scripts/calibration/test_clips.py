"""The trial clips: the same for everyone, and what is tested was never calibrated on."""

import numpy as np
import pytest

from backend.evaluation.synthetic import shapes, textures
from scripts.calibration.clip_looks import BACKDROPS, BODIES, OUTLINES, Split, draw_outline
from scripts.calibration.clips import GENERATORS, TRIAL_FRAMES, generators, trial_clip, trial_clips

TRAINING_SHAPES = {"ellipse", "polygon", "rectangle", "blob", "jagged", "cluster", "tube", "donut"}


def test_the_splits_share_no_generator() -> None:
    calibration, test = (set(generators(split)) for split in Split)
    assert (len(calibration), len(test)) == (8, 5)
    assert not calibration & test
    functions = [generator for split in Split for generator in GENERATORS[split].values()]
    assert len(set(functions)) == 13


@pytest.mark.parametrize("looks", [OUTLINES, BODIES, BACKDROPS])
def test_the_splits_share_no_look_with_each_other_nor_with_held_out_and_training_clips(
    looks: dict[Split, dict[str, object]],
) -> None:
    calibration, test = looks[Split.CALIBRATION], looks[Split.TEST]
    taken = {*shapes.FAMILIES, *textures.OBJECT_TEXTURES, *textures.BACKGROUNDS, *TRAINING_SHAPES}
    assert not set(calibration) & set(test)
    assert not set(calibration.values()) & set(test.values())
    assert not (set(calibration) | set(test)) & taken


def test_one_number_is_another_clip_in_each_split_and_the_same_one_every_time() -> None:
    one, again = trial_clip(Split.TEST, 3, frames=16), trial_clip(Split.TEST, 3, frames=16)
    other = trial_clip(Split.CALIBRATION, 3, frames=16)
    assert one.video.info.content_hash == again.video.info.content_hash
    assert np.array_equal(one.masks, again.masks)
    assert one.video.info.content_hash != other.video.info.content_hash
    assert not set(other.name.split("-")) & set(generators(Split.TEST))


def test_the_generators_take_turns() -> None:
    names = [clip.generator for clip in trial_clips(Split.TEST, 6, frames=16)]
    assert names == ["roundabout", "colonnade", "detour", "tumble", "nightfall", "roundabout"]


@pytest.mark.parametrize("split", list(Split))
@pytest.mark.parametrize("number", range(8))
def test_a_clip_has_two_targets_that_never_share_a_pixel(split: Split, number: int) -> None:
    clip = trial_clip(split, number)
    assert clip.masks.shape == (TRIAL_FRAMES, 2, 120, 160)
    assert clip.masks.sum(axis=1).max() == 1


def test_what_leaves_is_gone_for_a_while_and_comes_back() -> None:
    shows = np.asarray(trial_clip(Split.TEST, 2).masks[:, 0].any((1, 2)))
    assert shows[0]
    assert not shows.all()
    assert shows[-1]


def test_an_outline_of_the_other_split_is_refused() -> None:
    with pytest.raises(KeyError):
        draw_outline(Split.CALIBRATION, "rocket", 32, np.random.default_rng(0))


def test_a_clip_too_short_to_hide_and_return_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        trial_clip(Split.TEST, 0, frames=8)
