"""Clips from pictures: a function of their seed; masks, shadows, blur, absences, compression."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scripts.training.mixture import DataPlan, draw_mixed_batch
from scripts.training.photographic import exposure, poses, regions, sprites
from scripts.training.photographic.render import MovingObject, Scene, Shadow, render_scene
from scripts.training.photographic.scenes import ClipSpec, picture_batch
from scripts.training.pictures.library import Part, PictureLibrary
from tests.unit.training.pictures_on_disk import noise, small_index

SIDE = 64


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_index(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def library(pictures: Path) -> PictureLibrary:
    return PictureLibrary.open(pictures, Part.TRAINING)


def square_at(x: float, y: float, size: float = 0.25) -> poses.Poses:
    """A still square on two frames."""
    still = np.zeros(2)
    place = (np.full(2, x), np.full(2, y), np.full(2, size))
    return poses.Poses(*place, still, still, still, still, still)


def scene_of(*objects: MovingObject, shutter: float = 0.0) -> Scene:
    camera = np.stack([np.diag([float(SIDE), float(SIDE), 1.0])] * 2)
    return Scene(np.full((SIDE, SIDE, 3), 100, np.uint8), np.diag([1 / SIDE, 1 / SIDE, 1.0]), objects, camera, shutter)


def red(path: poses.Poses, *, is_target: bool = True, shadow: Shadow | None = None) -> MovingObject:
    sprite = np.zeros((32, 32, 4), np.uint8)
    sprite[..., 0], sprite[..., 3] = 220, 255
    return MovingObject(sprite, path, np.ones(2), is_target, shadow)


def test_a_batch_depends_on_its_seed_alone(library: PictureLibrary) -> None:
    spec = ClipSpec(frames=3, side=SIDE, targets=2)
    frames, masks = picture_batch(library, (1, 2), 2, spec)
    again, masks_again = picture_batch(library, (1, 2), 2, spec)
    other, _ = picture_batch(library, (1, 3), 2, spec)
    assert frames.shape == (2, 3, SIDE, SIDE, 3)
    assert masks.shape == (2, 3, 2, SIDE, SIDE)
    assert np.array_equal(frames, again)
    assert np.array_equal(masks, masks_again)
    assert not np.array_equal(frames, other)


def test_most_objects_show_on_the_first_frame_and_masks_do_not_overlap(library: PictureLibrary) -> None:
    _, masks = picture_batch(library, (4,), 12, ClipSpec(1, SIDE, 3, hiding=0.3))
    assert masks.any((3, 4)).mean() > 0.8
    assert masks.sum(2).max() == 1


def test_a_square_has_its_mask() -> None:
    frames, masks = render_scene(scene_of(red(square_at(0.5, 0.5))), SIDE)
    assert masks[0, 0].sum() == pytest.approx(16 * 16, abs=40)
    assert frames[0][32, 32].tolist() == [220, 0, 0]
    assert frames[0][4, 4].tolist() == [100, 100, 100]


def test_what_is_in_front_hides_the_target() -> None:
    front = red(square_at(0.5, 0.5, 0.4), is_target=False)
    _, masks = render_scene(scene_of(red(square_at(0.5, 0.5)), front), SIDE)
    assert not masks.any()


def test_a_shadow_darkens_the_background_and_is_no_part_of_the_mask() -> None:
    plain, masks = render_scene(scene_of(red(square_at(0.5, 0.5))), SIDE)
    shaded, masks_again = render_scene(scene_of(red(square_at(0.5, 0.5), shadow=Shadow(0.8, (0.0, 0.15), 0.01))), SIDE)
    assert np.array_equal(masks, masks_again)
    assert shaded[0][46, 32, 1] < 0.6 * plain[0][46, 32, 1]


def test_motion_blur_follows_the_motion() -> None:
    moving = replace(square_at(0.4, 0.5), x=np.array([0.4, 0.6]))
    sharp, _ = render_scene(scene_of(red(moving)), SIDE)
    blurred, _ = render_scene(scene_of(red(moving), shutter=1.0), SIDE)
    row_changes = [len(np.unique(frames[1][32, :, 0].round())) for frames in (sharp, blurred)]
    column_changes = [len(np.unique(frames[1][:, 38, 0].round())) for frames in (sharp, blurred)]
    assert row_changes[1] > row_changes[0] + 3
    assert column_changes[1] <= column_changes[0] + 2


def test_an_absent_object_has_no_mask() -> None:
    rng = np.random.default_rng(0)
    path = poses.with_absence(rng, replace(square_at(0.5, 0.5)), 1.0)
    _, masks = render_scene(scene_of(red(path)), SIDE)
    assert masks[0].any()
    assert not masks[1].any()


def test_values_are_folded_into_their_range() -> None:
    values = poses.reflected(np.array([-0.25, 0.5, 1.25, 2.5]), 0.0, 1.0)
    assert values.tolist() == [0.25, 0.5, 0.75, 0.5]


@pytest.mark.parametrize("frames", [1, 4])
def test_compression_changes_the_pixels_a_little(frames: int) -> None:
    clip = [noise(number, SIDE, SIDE).astype(np.float32) for number in range(frames)]
    plain = exposure.Exposure(np.ones((frames, 3)), 1.0, 0.0, 0.0, None, 0)
    sharp = exposure.expose(clip, plain)
    coded = exposure.expose(clip, replace(plain, quality=34))
    assert coded.shape == sharp.shape == (frames, SIDE, SIDE, 3)
    difference = np.abs(coded.astype(int) - sharp).mean()
    assert 0 < difference < 25


def test_exposure_darkens_and_tints() -> None:
    canvas = [np.full((4, 4, 3), 100, np.float32)]
    exposed = exposure.expose(canvas, exposure.Exposure(np.array([[0.5, 1.0, 2.0]]), 1.0, 0.0, 0.0, None, 0))
    assert exposed[0, 0, 0].tolist() == [50, 100, 200]


def test_a_look_alike_keeps_the_outline(library: PictureLibrary) -> None:
    rng = np.random.default_rng(3)
    sprite = sprites.draw_sprite(rng, library)
    alike = sprites.look_alike(rng, sprite)
    assert alike.shape == sprite.shape
    assert (alike[..., 3] > 127).sum() == (sprite[..., 3] > 127).sum()


def test_regions_of_a_photograph_are_in_their_place() -> None:
    picture = np.full((96, 96, 3), 30, np.uint8)
    picture[20:60, 30:80] = (200, 60, 40)
    masks = regions.region_masks(np.random.default_rng(0), picture, 1)
    assert masks is not None
    assert masks.shape == (1, 96, 96)
    assert masks[0, 22:58, 32:78].mean() > 0.95
    assert regions.region_masks(np.random.default_rng(0), picture, 9) is None


def test_a_region_batch_is_a_function_of_its_seed(library: PictureLibrary) -> None:
    frames, masks = regions.region_batch(library, (1,), 2, SIDE, 2)
    again, _ = regions.region_batch(library, (1,), 2, SIDE, 2)
    assert np.array_equal(frames, again)
    assert frames.shape == (2, 1, SIDE, SIDE, 3)
    assert masks.shape == (2, 1, 2, SIDE, SIDE)


def test_the_mixture_has_single_frames_and_clips_of_both_generators(pictures: Path) -> None:
    plan = DataPlan(pictures, Part.TRAINING, 5, SIDE)
    shapes = [draw_mixed_batch(plan, step)[1].shape for step in range(12)]
    assert any(shape[1] == 1 for shape in shapes)
    assert any(shape[1] > 2 for shape in shapes)
    assert all(shape[2] in (2, 3, 4, 5) and shape[3:] == (SIDE, SIDE) for shape in shapes)
