"""Renders objects over a background: warps, shadows, motion blur, and the visible mask of each target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.training.photographic.poses import Matrix, Poses

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]
NOT_A_TARGET = 255
FINEST_BLUR_PX = 1.5
BORDER_PX = 1
LONGEST_MOTION = 0.3
"""The motion between two frames, in frame sides, above which an object has jumped and is not blurred."""


@dataclass(frozen=True)
class Shadow:
    """A shadow on what is behind the object: strength 0..1, offset in frame heights, softness in frame heights."""

    strength: float
    offset: tuple[float, float]
    softness: float


@dataclass(frozen=True)
class MovingObject:
    """An object: its sprite (RGBA, straight alpha) and its poses. gain: brightness for each frame, float [T]."""

    sprite: Picture
    poses: Poses
    gain: NDArray[np.float64]
    is_target: bool
    shadow: Shadow | None = None


@dataclass(frozen=True)
class Scene:
    """A background in world coordinates and the objects, back to front.

    camera: [T, 3, 3] from world to frame pixels. shutter: the share of the frame time that motion blur covers, 0..1.
    """

    background: Picture
    background_matrix: Matrix
    objects: Sequence[MovingObject]
    camera: Matrix
    shutter: float


def render_scene(scene: Scene, side: int) -> tuple[list[Floats], NDArray[np.bool_]]:
    """Frames float32 [side, side, 3] 0..255 before the exposure, and visible masks bool [T, N, side, side]."""
    objects = [(moving, _premultiplied(moving, side)) for moving in scene.objects]
    targets = sum(moving.is_target for moving in scene.objects)
    frames, masks = [], np.zeros((len(scene.camera), targets, side, side), np.bool_)
    for t in range(len(scene.camera)):
        canvas = _background(scene, t, side)
        owner = np.full((side, side), NOT_A_TARGET, np.uint8)
        number = 0
        for moving, sprite in objects:
            name = number if moving.is_target else NOT_A_TARGET
            number += moving.is_target
            _draw(canvas, owner, (moving, sprite), scene, t, name)
        frames.append(canvas)
        masks[t] = owner[None] == np.arange(targets, dtype=np.uint8)[:, None, None]
    return frames, masks


def _premultiplied(moving: MovingObject, side: int) -> Picture:
    """The sprite with premultiplied colours, shrunk to about the largest size at which it is drawn."""
    largest = float(moving.poses.size.max()) * side * 1.3
    rgba = moving.sprite.astype(np.float32)
    rgba[..., :3] *= rgba[..., 3:] * np.float32(1 / 255)
    scale = largest / max(rgba.shape[:2])
    if scale < 0.9:
        size = (max(2, round(rgba.shape[1] * scale)), max(2, round(rgba.shape[0] * scale)))
        rgba = np.asarray(cv2.resize(rgba, size, interpolation=cv2.INTER_AREA), np.float32)
    # A transparent border keeps the edge smooth where the object touches the sprite's edge.
    return np.pad(np.clip(np.rint(rgba), 0, 255).astype(np.uint8), ((BORDER_PX,) * 2, (BORDER_PX,) * 2, (0, 0)))


def _background(scene: Scene, t: int, side: int) -> Floats:
    matrix = scene.camera[t] @ scene.background_matrix
    canvas = cv2.warpPerspective(
        scene.background, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(canvas, np.float32)


def _draw(
    canvas: Floats, owner: Picture, drawn: tuple[MovingObject, Picture], scene: Scene, t: int, name: int
) -> None:  # fmt: skip
    moving, sprite = drawn
    side = len(owner)
    inner = moving.poses.matrix(t, (sprite.shape[0] - 2 * BORDER_PX, sprite.shape[1] - 2 * BORDER_PX))
    matrix = scene.camera[t] @ inner @ np.array([[1, 0, -BORDER_PX], [0, 1, -BORDER_PX], [0, 0, 1]])
    blur = _motion_px(scene, moving, t, side) * scene.shutter
    x0, y0, x1, y1 = _bounds(matrix, sprite.shape, side, margin=int(np.abs(blur).max()) + 3)
    if x0 >= x1 or y0 >= y1:
        return
    layer = _warped(sprite, matrix, (x0, y0, x1, y1), (float(moving.poses.bend[t]), float(moving.poses.phase[t])))
    if np.abs(blur).max() > FINEST_BLUR_PX:
        layer = _blurred_along(layer, blur)
    if moving.shadow is not None:
        _cast(canvas, layer[..., 3], (x0, y0), moving.shadow)
    region = canvas[y0:y1, x0:x1]
    region *= np.float32(1) - layer[..., 3:] * np.float32(1 / 255)
    region += layer[..., :3] * np.float32(moving.gain[t])
    owner[y0:y1, x0:x1][layer[..., 3] > 127] = name


def _motion_px(scene: Scene, moving: MovingObject, t: int, side: int) -> NDArray[np.float64]:
    """The object's motion since the frame before, (x, y) in frame pixels; none after a jump."""
    if len(scene.camera) < 2:
        return np.zeros(2)
    before, now = (t - 1, t) if t else (0, 1)
    ends = []
    for index in (before, now):
        x, y, w = scene.camera[index] @ np.array([moving.poses.x[index], moving.poses.y[index], 1.0])
        ends.append(np.array([x / w, y / w]))
    motion = ends[1] - ends[0]
    return motion if np.abs(motion).max() < LONGEST_MOTION * side else np.zeros(2)


def _bounds(matrix: Matrix, shape: tuple[int, ...], side: int, margin: int) -> tuple[int, int, int, int]:
    height, width = shape[:2]
    pad = 0.06 * max(height, width)
    corners = np.array([[x, y, 1] for x in (-pad, width + pad) for y in (-pad, height + pad)])
    mapped = corners @ matrix.T
    points = mapped[:, :2] / np.maximum(mapped[:, 2:], 0.05)
    low, high = np.floor(points.min(0)) - margin, np.ceil(points.max(0)) + margin
    x0, y0 = (int(value) for value in np.clip(low, 0, side))
    x1, y1 = (int(value) for value in np.clip(high, 0, side))
    return x0, y0, x1, y1


def _warped(sprite: Picture, matrix: Matrix, bounds: tuple[int, int, int, int], bend: tuple[float, float]) -> Floats:
    """The sprite drawn into the bounds: premultiplied RGBA float32. bend: strength and phase."""
    x0, y0, x1, y1 = bounds
    inverse = np.linalg.inv(matrix).astype(np.float32)
    xs = np.arange(x0, x1, dtype=np.float32)[None, :]
    ys = np.arange(y0, y1, dtype=np.float32)[:, None]
    w = inverse[2, 0] * xs + inverse[2, 1] * ys + inverse[2, 2]
    w = np.where(np.abs(w) < 1e-6, np.float32(1e-6), w)
    u = (inverse[0, 0] * xs + inverse[0, 1] * ys + inverse[0, 2]) / w
    v = (inverse[1, 0] * xs + inverse[1, 1] * ys + inverse[1, 2]) / w
    strength, phase = bend
    if strength > 0:
        length = np.float32(max(sprite.shape[:2]))
        shift = np.float32(strength) * length
        u, v = (
            u + shift * np.sin(np.float32(7) * v / length + np.float32(phase)),
            v + shift * np.sin(np.float32(6) * u / length + np.float32(1.7 * phase)),
        )
    warped = cv2.remap(
        sprite,
        u.astype(np.float32),
        v.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0, 0, 0, 0),
    )
    return np.asarray(warped, np.float32)


def _blurred_along(layer: Floats, motion_px: NDArray[np.float64]) -> Floats:
    reach = int(np.ceil(np.abs(motion_px).max() / 2))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    half = motion_px / 2
    ends = [(round(reach + sign * half[0]), round(reach + sign * half[1])) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], (1.0,), 1)
    blurred = cv2.filter2D(layer, -1, kernel / kernel.sum(), borderType=cv2.BORDER_CONSTANT)
    return np.asarray(blurred, np.float32)


def _cast(canvas: Floats, alpha: Floats, corner: tuple[int, int], shadow: Shadow) -> None:
    """Darkens the canvas by the moved and softened alpha."""
    side = len(canvas)
    full = np.zeros((side, side), np.float32)
    x0, y0 = corner
    full[y0 : y0 + alpha.shape[0], x0 : x0 + alpha.shape[1]] = alpha
    move = np.array([[1, 0, shadow.offset[0] * side], [0, 1, shadow.offset[1] * side]], np.float32)
    moved = cv2.GaussianBlur(cv2.warpAffine(full, move, (side, side)), (0, 0), max(0.6, shadow.softness * side))
    canvas *= np.float32(1) - moved[..., None] * np.float32(shadow.strength / 255)
