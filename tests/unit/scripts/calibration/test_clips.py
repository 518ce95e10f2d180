"""The generated clips: reproducible, with disjoint calibration and test splits."""

import numpy as np
import pytest

from backend.evaluation.synthetic import shapes, textures
from scripts.calibration.clip_appearance import BACKDROPS, BODIES, OUTLINES, Split, draw_outline
from scripts.calibration.clips import CLIP_FRAMES, generated_clips, generators, split_clip
from scripts.calibration.scene_generators import GENERATORS

TRAINING_SHAPES = {"ellipse", "polygon", "rectangle", "blob", "jagged", "cluster", "tube", "donut"}


def test_the_splits_share_no_generator() -> None:
    calibration, test = (set(generators(split)) for split in Split)
    assert (len(calibration), len(test)) == (8, 5)
    assert not calibration & test
    functions = [generator for split in Split for generator in GENERATORS[split].values()]
    assert len(set(functions)) == 13


@pytest.mark.parametrize("by_split", [OUTLINES, BODIES, BACKDROPS])
def test_outlines_and_textures_are_disjoint(
    by_split: dict[Split, dict[str, object]],
) -> None:
    calibration, test = by_split[Split.CALIBRATION], by_split[Split.TEST]
    other_names = {*shapes.FAMILIES, *textures.OBJECT_TEXTURES, *textures.BACKGROUNDS, *TRAINING_SHAPES}
    assert not set(calibration) & set(test)
    assert not set(calibration.values()) & set(test.values())
    assert not (set(calibration) | set(test)) & other_names


def test_clips_are_reproducible_and_differ_by_split() -> None:
    one, again = split_clip(Split.TEST, 3, frames=16), split_clip(Split.TEST, 3, frames=16)
    other = split_clip(Split.CALIBRATION, 3, frames=16)
    assert one.video.info.content_hash == again.video.info.content_hash
    assert np.array_equal(one.masks, again.masks)
    assert one.video.info.content_hash != other.video.info.content_hash
    assert not set(other.name.split("-")) & set(generators(Split.TEST))


def test_the_generators_alternate() -> None:
    names = [clip.generator for clip in generated_clips(Split.TEST, 6, frames=16)]
    assert names == ["roundabout", "colonnade", "detour", "tumble", "nightfall", "roundabout"]


@pytest.mark.parametrize("split", list(Split))
@pytest.mark.parametrize("number", range(8))
def test_a_clip_has_two_disjoint_targets(split: Split, number: int) -> None:
    clip = split_clip(split, number)
    assert clip.masks.shape == (CLIP_FRAMES, 2, 120, 160)
    assert clip.masks.sum(axis=1).max() == 1


def test_a_target_leaves_and_returns() -> None:
    visible = np.asarray(split_clip(Split.TEST, 2).masks[:, 0].any((1, 2)))
    assert visible[0]
    assert not visible.all()
    assert visible[-1]


def test_an_outline_of_the_other_split_is_refused() -> None:
    with pytest.raises(KeyError):
        draw_outline(Split.CALIBRATION, "rocket", 32, np.random.default_rng(0))


def test_a_short_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        split_clip(Split.TEST, 0, frames=8)
