"""A training scene from pictures: background, clutter, targets, look-alikes, occluders, camera, exposure.

A batch is a function of its seed and step alone, so that a resumed run sees the same data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.training.photographic import poses, sprites
from scripts.training.photographic.exposure import draw_exposure, expose
from scripts.training.photographic.poses import Poses, smooth_walk
from scripts.training.photographic.render import MovingObject, Scene, Shadow, render_scene
from scripts.training.pictures.library import PictureLibrary

Rng = np.random.Generator
Batch = tuple[NDArray[np.uint8], NDArray[np.bool_]]
ASPECTS = (1.0, 4 / 3, 1.5, 16 / 9, 16 / 9, 9 / 16)


@dataclass(frozen=True)
class ClipSpec:
    """The parameters of a batch. hiding: 0..1, how often targets are hidden or leave; pace: the usual speed."""

    frames: int
    side: int
    targets: int
    hiding: float = 0.7
    pace: float = 1.0


def _gain(rng: Rng, frames: int) -> NDArray[np.float64]:
    return np.asarray(np.exp(smooth_walk(rng, frames, 0.01)) * rng.uniform(0.8, 1.15), np.float64)


def _shadow(rng: Rng, size: float, light: tuple[float, float]) -> Shadow | None:
    if rng.random() < 0.45:
        return None
    reach = size * rng.uniform(0.02, 0.18)
    softness = float(size * rng.uniform(0.01, 0.06))
    return Shadow(float(rng.uniform(0.15, 0.7)), (light[0] * reach, light[1] * reach), softness)


def target_size(rng: Rng) -> float:
    """The longer side of a target in frame heights: small to nearly the whole frame."""
    return float(np.exp(rng.uniform(np.log(0.07), np.log(0.95))))


def _targets(rng: Rng, library: PictureLibrary, spec: ClipSpec, aspect: float) -> list[MovingObject]:
    light = (float(rng.normal(0, 0.7)), float(rng.uniform(0.1, 1.0)))
    objects: list[MovingObject] = []
    for _ in range(spec.targets):
        size = target_size(rng)
        copies = objects and rng.random() < 0.18
        sprite = sprites.look_alike(rng, objects[-1].sprite) if copies else sprites.draw_sprite(rng, library)
        path = poses.moving_poses(rng, spec.frames, aspect, size, spec.pace * rng.gamma(1.5, 0.6))
        if spec.frames > 2 and rng.random() < 0.4 * spec.hiding:
            path = poses.with_absence(rng, path, aspect)
        objects.append(MovingObject(sprite, path, _gain(rng, spec.frames), True, _shadow(rng, size, light)))
    return objects


def _clutter(
    rng: Rng, library: PictureLibrary, spec: ClipSpec, aspect: float, targets: list[MovingObject]
) -> list[MovingObject]:
    """Objects that are not targets: still things of the background, moving distractors, look-alikes."""
    objects = []
    for _ in range(int(rng.integers(0, 7)) if rng.random() < 0.6 else 0):
        pace = 0.0 if rng.random() < 0.6 else 1.0
        path = poses.moving_poses(rng, spec.frames, aspect, target_size(rng), pace)
        objects.append(MovingObject(sprites.draw_sprite(rng, library), path, np.ones(spec.frames), False))
    for _ in range(int(rng.integers(1, 4)) if rng.random() < 0.3 else 0):
        model = targets[int(rng.integers(len(targets)))]
        size = float(model.poses.size[0] * rng.uniform(0.7, 1.3))
        path = poses.moving_poses(rng, spec.frames, aspect, size, spec.pace)
        objects.append(MovingObject(sprites.look_alike(rng, model.sprite), path, model.gain, False, model.shadow))
    return objects


def _occluders(
    rng: Rng, library: PictureLibrary, spec: ClipSpec, aspect: float, targets: list[MovingObject]
) -> list[MovingObject]:
    """Objects in front of a target: they pass it in a clip, and cover a part of it in a single frame."""
    objects = []
    for _ in range(int(rng.integers(1, 3)) if rng.random() < 0.6 * spec.hiding else 0):
        hidden = targets[int(rng.integers(len(targets)))].poses
        size = float(hidden.size.mean() * rng.uniform(0.3, 1.3 if spec.frames > 1 else 0.7))
        path: Poses = poses.crossing(rng, hidden, size, aspect)
        objects.append(MovingObject(sprites.draw_sprite(rng, library), path, _gain(rng, spec.frames), False))
    return objects


def draw_scene(rng: Rng, library: PictureLibrary, spec: ClipSpec) -> Scene:
    """One random scene."""
    aspect = float(rng.choice(ASPECTS))
    targets = _targets(rng, library, spec, aspect)
    clutter = _clutter(rng, library, spec, aspect, targets)
    behind = [moving for moving in clutter if rng.random() < 0.75]
    between = [moving for moving in clutter if all(moving is not one for one in behind)]
    # The background is half as large again as the frame, for the camera's motion.
    height = int(1.5 * spec.side)
    background = sprites.draw_background(rng, library, (height, max(32, round(height * aspect))))
    scale = 1.5 / height
    place = np.array([[scale, 0, -0.25 * aspect], [0, scale, -0.25], [0, 0, 1]])
    return Scene(
        background=background,
        background_matrix=place,
        objects=[*behind, *targets, *between, *_occluders(rng, library, spec, aspect, targets)],
        camera=poses.camera_matrices(rng, spec.frames, aspect, spec.side, spec.pace),
        shutter=float(rng.uniform(0.2, 1.0)) if rng.random() < 0.6 else 0.0,
    )


def picture_batch(library: PictureLibrary, seed: tuple[int, ...], scenes: int, spec: ClipSpec) -> Batch:
    """Frames uint8 [S, T, side, side, 3] and visible masks bool [S, T, N, side, side], a function of the seed."""
    frames, masks = [], []
    for index in range(scenes):
        rng = np.random.default_rng((*seed, index))
        canvases, scene_masks = render_scene(draw_scene(rng, library, spec), spec.side)
        frames.append(expose(canvases, draw_exposure(rng, spec.frames, spec.side)))
        masks.append(scene_masks)
    return np.stack(frames), np.stack(masks)
