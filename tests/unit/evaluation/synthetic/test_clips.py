"""The held-out clips: reproducible, and their masks equal the drawn pixels."""

import numpy as np
import pytest

from backend.evaluation.synthetic.clips import Plot, plot_of, render_clip
from backend.evaluation.synthetic.evaluation import held_out_clips
from backend.evaluation.synthetic.shapes import FAMILIES
from scripts.demonstration.demo_clip import demo_clip

SMALL = (96, 128)


def test_a_seed_always_gives_the_same_pixels() -> None:
    one, again, other = (render_clip(seed, frames=16, size=SMALL) for seed in (5, 5, 9))
    assert np.array_equal(one.frames, again.frames)
    assert np.array_equal(one.masks, again.masks)
    assert not np.array_equal(one.frames, other.frames)


@pytest.mark.parametrize("seed", range(8))
def test_every_clip_has_two_to_four_objects_that_show_at_first(seed: int) -> None:
    clip = render_clip(seed, frames=16, size=SMALL)
    assert 2 <= clip.masks.shape[1] <= 4
    assert clip.masks.shape == (16, len(clip.names), *SMALL)
    assert clip.frames.shape == (16, *SMALL, 3)
    assert clip.present[0].all()


def test_masks_never_overlap() -> None:
    clip = render_clip(0, frames=16, size=SMALL)
    assert clip.masks.sum(axis=1).max() == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_the_first_object_is_hidden_and_returns(seed: int) -> None:
    assert plot_of(seed) in (Plot.OCCLUSION, Plot.EXIT)
    shows = render_clip(seed, frames=32, size=SMALL).present[:, 0]
    gone = np.flatnonzero(~shows)
    assert len(gone) >= 3
    assert shows[0]
    assert shows[-1]


def test_look_alikes_have_one_shape_family() -> None:
    clip = render_clip(3, frames=16, size=SMALL)
    assert clip.plot is Plot.TWINS
    assert clip.names[0].split("-")[0] == clip.names[1].split("-")[0]


def test_an_object_differs_from_what_lies_around_it() -> None:
    clip = render_clip(0, frames=16, size=SMALL)
    frame, mask = clip.frames[0].astype(float), clip.masks[0, 0]
    outside = ~clip.masks[0].any(axis=0)
    distance = np.linalg.norm(frame[mask].mean(axis=0) - frame[outside].mean(axis=0))
    assert distance > 25


def test_a_clip_too_short_to_hide_and_return_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        render_clip(0, frames=8)


def test_the_held_out_set_yields_videos_with_similar_objects() -> None:
    clips = list(held_out_clips(4))
    assert [bool(clip.alike) for clip in clips] == [False, False, False, True]
    assert clips[0].video.info.frame_count == len(clips[0].masks) == 32


def test_the_demo_clip_has_three_objects_and_one_returns() -> None:
    clip = demo_clip()
    assert clip.names == ("van", "heart", "fish")
    assert set(clip.names) <= set(FAMILIES)
    fish = clip.present[:, 2]
    assert fish[0]
    assert not fish[40]
    assert fish[-1]
    smallest, at_first = clip.masks[:, 0].sum((1, 2)).min(), clip.masks[0, 0].sum()
    assert smallest < at_first / 2, "the van passes behind the heart"


def test_later_clips_of_the_held_out_set_are_the_same_wherever_one_begins() -> None:
    (_, second), (later,) = held_out_clips(2), held_out_clips(1, first=1)
    assert np.array_equal(second.masks, later.masks)
