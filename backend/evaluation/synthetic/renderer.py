"""The renderer: draws textured sprites over a background, frame by frame, with the mask of each one.

Owns rendering only; the caller supplies shapes, textures and paths. The training data and the held-out clips share the
renderer and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]

NOT_A_TARGET = 255


@dataclass(frozen=True)
class Sprite:
    """A textured shape: ``rgba`` is uint8 [S, S, 4] with straight alpha."""

    rgba: ByteArray


@dataclass(frozen=True)
class Track:
    """The pose of a sprite on each frame, all float32 [T], lengths relative to the frame height.

    ``x_rel``/``y_rel`` are the centre (fractions of width and height), ``size_rel`` the sprite's side,
    ``angle`` radians, ``bend`` the amplitude of the deformation (0 is rigid) and ``phase`` its phase.
    """

    x_rel: FloatArray
    y_rel: FloatArray
    size_rel: FloatArray
    angle: FloatArray
    bend: FloatArray
    phase: FloatArray


@dataclass(frozen=True)
class SceneObject:
    """A sprite on its track. ``is_target``: it gets a mask; the others are occluders and distractors."""

    sprite: Sprite
    track: Track
    is_target: bool = True


@dataclass(frozen=True)
class Scene:
    """A background larger than the frame (uint8 [H', W', 3]), actors back to front, and the camera.

    ``camera_rel`` is float32 [T, 2], the shift of background and actors as fractions of the frame height;
    ``gain`` float32 [T] multiplies brightness; ``noise`` is a standard deviation in grey levels and
    ``blur`` a Gaussian sigma in pixels.
    """

    background: ByteArray
    actors: tuple[SceneObject, ...]
    camera_rel: FloatArray
    gain: FloatArray
    noise: float = 0.0
    blur: float = 0.0
    seed: int = field(default=0)


def render_scene(scene: Scene, size: tuple[int, int]) -> tuple[ByteArray, BoolArray]:
    """Draw every frame of a scene at ``size`` (height, width).

    Returns frames uint8 [T, H, W, 3] RGB and the visible masks bool [T, N, H, W] of the targets, in the
    order of the actors.
    """
    n_frames = len(scene.gain)
    height, width = size
    n_targets = sum(actor.is_target for actor in scene.actors)
    frames = np.empty((n_frames, height, width, 3), np.uint8)
    masks = np.empty((n_frames, n_targets, height, width), np.bool_)
    rng = np.random.default_rng(scene.seed)
    target_ids = np.arange(n_targets, dtype=np.uint8)[:, None, None]
    for t in range(n_frames):
        image, owner = _draw_frame(scene, t, height, width)
        frames[t] = _expose(image, scene, t, rng)
        masks[t] = owner[None] == target_ids
    return frames, masks


def _draw_frame(scene: Scene, t: int, height: int, width: int) -> tuple[FloatArray, ByteArray]:
    shift_x, shift_y = scene.camera_rel[t] * height
    image = _crop_background(scene.background, float(shift_x), float(shift_y), height, width)
    owner = np.full((height, width), NOT_A_TARGET, np.uint8)
    index = 0
    for actor in scene.actors:
        owner_id = index if actor.is_target else NOT_A_TARGET
        index += actor.is_target
        _draw_object(image, owner, actor, t, owner_id, (float(shift_x), float(shift_y)))
    return image, owner


def _crop_background(background: ByteArray, shift_x: float, shift_y: float, height: int, width: int) -> FloatArray:
    spare_y, spare_x = background.shape[0] - height, background.shape[1] - width
    matrix = np.array([[1, 0, shift_x - spare_x / 2], [0, 1, shift_y - spare_y / 2]], np.float32)
    crop = cv2.warpAffine(
        background, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return crop.astype(np.float32)


def _draw_object(
    image: FloatArray, owner: ByteArray, actor: SceneObject, t: int, owner_id: int, shift_px: tuple[float, float]
) -> None:
    height, width = owner.shape
    track = actor.track
    side = float(track.size_rel[t]) * height
    cx, cy = float(track.x_rel[t]) * width + shift_px[0], float(track.y_rel[t]) * height + shift_px[1]
    half_side = side * 0.75
    x0, x1 = max(0, int(cx - half_side)), min(width, int(cx + half_side) + 1)
    y0, y1 = max(0, int(cy - half_side)), min(height, int(cy + half_side) + 1)
    if x0 >= x1 or y0 >= y1:
        return
    xs = np.arange(x0, x1, dtype=np.float32)[None, :] - np.float32(cx)
    ys = np.arange(y0, y1, dtype=np.float32)[:, None] - np.float32(cy)
    cos, sin = np.float32(np.cos(track.angle[t])), np.float32(np.sin(track.angle[t]))
    u = (cos * xs + sin * ys) / np.float32(side)
    v = (cos * ys - sin * xs) / np.float32(side)
    bend, phase = track.bend[t], track.phase[t]
    if bend > 0:
        u, v = u + bend * np.sin(7.0 * v + phase), v + bend * np.sin(6.0 * u + 1.7 * phase)
    scale = np.float32(actor.sprite.rgba.shape[0])
    patch = cv2.remap(
        actor.sprite.rgba,
        ((u + np.float32(0.5)) * scale - np.float32(0.5)).astype(np.float32),
        ((v + np.float32(0.5)) * scale - np.float32(0.5)).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0, 0, 0, 0),
    )
    alpha = patch[..., 3:].astype(np.float32) * np.float32(1 / 255)
    region = image[y0:y1, x0:x1]
    region += alpha * (patch[..., :3] - region)
    owner[y0:y1, x0:x1][patch[..., 3] > 127] = owner_id


def _expose(image: FloatArray, scene: Scene, t: int, rng: np.random.Generator) -> ByteArray:
    if scene.blur > 0.05:
        image = cv2.GaussianBlur(image, (0, 0), scene.blur).astype(np.float32, copy=False)
    image = image * scene.gain[t]
    if scene.noise > 0:
        image = image + rng.standard_normal(image.shape, dtype=np.float32) * np.float32(scene.noise)
    return np.clip(image, 0, 255).astype(np.uint8)
