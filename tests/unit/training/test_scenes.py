"""Training data: a function of its seed, with visible objects, disjoint from the held-out clips."""

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.evaluation.synthetic import shapes as held_out_shapes
from backend.evaluation.synthetic import textures as held_out_textures
from backend.training.drawn import shapes
from backend.training.drawn.scenes import SceneSpec, cut_away, render_batch
from scripts.training.curriculum import STAGES, stage_at
from scripts.training.loop import draw_batch

SPEC = SceneSpec(frames=4, size_px=64, targets=3, difficulty=0.6, motion=1.0, hiding=0.5)


def test_a_step_s_data_depends_on_seed_and_step_alone() -> None:
    frames, masks = render_batch(1, 7, 2, SPEC)
    again, masks_again = render_batch(1, 7, 2, SPEC)
    other, _ = render_batch(1, 8, 2, SPEC)
    assert frames.shape == (2, 4, 64, 64, 3)
    assert masks.shape == (2, 4, 3, 64, 64)
    assert np.array_equal(frames, again)
    assert np.array_equal(masks, masks_again)
    assert not np.array_equal(frames, other)


def test_easy_single_frames_show_every_object() -> None:
    easy = SceneSpec(frames=1, size_px=64, targets=3, difficulty=0.0, motion=1.0, hiding=0.0)
    _, masks = render_batch(1, 0, 12, easy)
    assert masks.any((3, 4)).mean() > 0.95


def test_hidden_clips_have_frames_without_the_object() -> None:
    hiding = SceneSpec(frames=6, size_px=64, targets=2, difficulty=0.5, motion=1.0, hiding=1.0)
    _, masks = render_batch(3, 0, 12, hiding)
    absent = ~masks.any((3, 4))
    assert 0.05 < absent.mean() < 0.6


def test_training_and_held_out_share_no_shape_family() -> None:
    training = {family.__name__ for family in shapes.ALL}
    assert not training & set(held_out_shapes.FAMILIES)
    assert set(held_out_textures.OBJECT_TEXTURES) == {"plaid", "rings", "marble", "zigzag", "tiles"}


@pytest.mark.parametrize(
    ("progress", "name"), [(0.0, STAGES[0].name), (0.999, STAGES[-1].name), (1.5, STAGES[-1].name)]
)
def test_the_first_and_the_last_stage(progress: float, name: str) -> None:
    index, share = stage_at(progress)
    assert STAGES[index].name == name
    assert 0 <= share <= 1


def test_a_batch_of_the_first_stage() -> None:
    frames, masks = draw_batch(1, 0, 3, 0.0)
    assert frames.shape[1] == 1
    assert 2 <= masks.shape[2] <= 4


def test_a_cut_shows_another_scene_without_targets() -> None:
    spec = SceneSpec(8, 96, 2, 0.6, 1.0, 0.0)
    frames, masks = render_batch(5, 0, 1, spec)
    cut_frames, cut_masks = cut_away(np.random.default_rng(3), spec, frames[0], masks[0])
    gone: NDArray[np.bool_] = np.logical_not(cut_masks.reshape(8, -1).any(1))
    assert gone.any()
    assert not gone[0]
    assert np.array_equal(cut_frames[~gone], frames[0][~gone])
    assert np.array_equal(cut_masks[~gone], masks[0][~gone])
    changed = np.abs(cut_frames[gone].astype(int) - frames[0][gone]).mean((1, 2, 3))
    assert (changed > 5).all()
