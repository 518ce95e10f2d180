"""The objects of a scene: cut-outs, shapes filled with photographs, drawn sprites, look-alikes; and backgrounds."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.training.drawn import shapes, textures
from backend.training.drawn.scenes import make_sprite
from scripts.training.pictures.library import PictureLibrary
from scripts.training.pictures.packages import Kind

Picture = NDArray[np.uint8]
Rng = np.random.Generator
CUTOUT_SHARES = {
    Kind.PHOTO_CUTOUT: 0.5,
    Kind.RENDERED_CUTOUT: 0.2,
    Kind.SEGMENT: 0.18,
    Kind.DRAWN_CUTOUT: 0.12,
}
CUTOUT_SHARE, FILLED_SHARE = 0.74, 0.16
"""The rest are sprites of the drawn generator."""

SPRITE_SIDE = 256


def draw_sprite(rng: Rng, library: PictureLibrary) -> Picture:
    """A random object, RGBA uint8 with straight alpha."""
    kind = rng.random()
    if kind < CUTOUT_SHARE:
        sprite = library.draw_cutout(rng, CUTOUT_SHARES)
    elif kind < CUTOUT_SHARE + FILLED_SHARE:
        sprite = filled_shape(rng, library)
    else:
        sprite = make_sprite(rng, SPRITE_SIDE // 2, np.full(3, 128, np.float32), rng.uniform(0.3, 1.0)).rgba
    if rng.random() < 0.5:
        sprite = sprite[:, ::-1]
    return softened(rng, recoloured(rng, sprite, 0.12 if rng.random() < 0.7 else 0.5))


def filled_shape(rng: Rng, library: PictureLibrary) -> Picture:
    """A shape whose parts show photographs, surfaces or another cut-out's colours."""
    alpha = shapes.draw_shape(rng, SPRITE_SIDE, 1.0)
    rgb = _patch(rng, library, SPRITE_SIDE)
    if rng.random() < 0.5:
        part = shapes.draw_shape(rng, SPRITE_SIDE, 0.5) > 127
        part = np.roll(part, tuple(rng.integers(-90, 90, 2)), (0, 1))
        rgb = np.where(part[..., None], _patch(rng, library, SPRITE_SIDE), rgb)
    return np.dstack([rgb, alpha]).astype(np.uint8)


def _patch(rng: Rng, library: PictureLibrary, side: int) -> Picture:
    kind = Kind.SURFACE if library.has(Kind.SURFACE) and rng.random() < 0.4 else Kind.PHOTOGRAPH
    return photo_window(rng, library.draw(rng, kind), (side, side), 0.15, 0.6)


def photo_window(rng: Rng, photo: Picture, size: tuple[int, int], smallest: float, largest: float) -> Picture:
    """A random window of a photograph at ``size`` (height, width); its height is a share of the photograph's."""
    aspect = size[1] / size[0]
    height = min(photo.shape[0] * rng.uniform(smallest, largest), photo.shape[1] / aspect)
    high, wide = max(8, int(height)), max(8, int(height * aspect))
    high, wide = min(high, photo.shape[0]), min(wide, photo.shape[1])
    y, x = int(rng.integers(photo.shape[0] - high + 1)), int(rng.integers(photo.shape[1] - wide + 1))
    method = cv2.INTER_AREA if high > size[0] else cv2.INTER_LINEAR
    resized = cv2.resize(photo[y : y + high, x : x + wide], (size[1], size[0]), interpolation=method)
    window: Picture = np.asarray(resized, np.uint8)
    return window[:, ::-1] if rng.random() < 0.5 else window


def recoloured(rng: Rng, sprite: Picture, strength: float) -> Picture:
    """The sprite with other brightness, contrast, saturation and tint. strength: 0 (none) to about 0.6."""
    rgb = sprite[..., :3].astype(np.float32)
    grey = rgb.mean(-1, keepdims=True)
    rgb = grey + (rgb - grey) * np.float32(np.exp(rng.normal(0, strength)))
    middle = rgb[sprite[..., 3] > 127].mean(0) if (sprite[..., 3] > 127).any() else np.float32(128)
    rgb = middle + (rgb - middle) * np.float32(np.exp(rng.normal(0, 0.7 * strength)))
    rgb = rgb * np.exp(rng.normal(0, 0.5 * strength, 3) + rng.normal(0, strength)).astype(np.float32)
    return np.dstack([np.clip(rgb, 0, 255).astype(np.uint8), sprite[..., 3]])


def softened(rng: Rng, sprite: Picture) -> Picture:
    """The sprite with shading across it, and at times a softer or narrower edge."""
    height, width = sprite.shape[:2]
    rgba = sprite.astype(np.float32)
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        ramp = np.cos(angle) * np.linspace(-1, 1, width)[None, :] + np.sin(angle) * np.linspace(-1, 1, height)[:, None]
        rgba[..., :3] *= (1 + rng.uniform(0.05, 0.45) * ramp[..., None]).astype(np.float32)
    if rng.random() < 0.4:
        sigma = rng.uniform(0.004, 0.015) * max(height, width)
        soft = np.asarray(cv2.GaussianBlur(rgba[..., 3], (0, 0), sigma), np.float32)
        # The half line of a blurred edge stays at the edge; minimum keeps colours out of transparent pixels.
        rgba[..., 3] = np.minimum(rgba[..., 3], 2 * np.maximum(soft - 64, 0))
    return np.clip(rgba, 0, 255).astype(np.uint8)


def look_alike(rng: Rng, sprite: Picture) -> Picture:
    """A similar object: the same sprite, mirrored at times, in nearly the same colours."""
    mirrored = sprite[:, ::-1] if rng.random() < 0.5 else sprite
    return recoloured(rng, mirrored, float(rng.choice([0.02, 0.1, 0.3])))


def draw_background(rng: Rng, library: PictureLibrary, size: tuple[int, int]) -> Picture:
    """A background RGB uint8 of ``size`` (height, width): a photograph, a surface, tiles, or a drawn pattern."""
    kind = rng.random()
    if kind < 0.72:
        return photo_window(rng, library.draw(rng, Kind.PHOTOGRAPH), size, 0.3, 1.0)
    if kind < 0.88 and library.has(Kind.SURFACE):
        return _tiled(rng, library, size)
    side = max(size)
    drawn = textures.background(rng, side, rng.uniform(0.3, 1.0))
    return np.ascontiguousarray(drawn[: size[0], : size[1]])


def _tiled(rng: Rng, library: PictureLibrary, size: tuple[int, int]) -> Picture:
    """One surface repeated over the upper part, and at times another one as a floor."""
    canvas = np.empty((*size, 3), np.uint8)
    floor = int(size[0] * rng.uniform(0.4, 0.8)) if rng.random() < 0.6 else size[0]
    for start, stop in ((0, floor), (floor, size[0])):
        tile = library.draw(rng, Kind.SURFACE)
        scale = rng.uniform(0.3, 1.0) * size[0] / tile.shape[0]
        tile = np.asarray(cv2.resize(tile, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        repeats = (-(-size[0] // tile.shape[0]), -(-size[1] // tile.shape[1]), 1)
        canvas[start:stop] = np.tile(tile, repeats)[: stop - start, : size[1]]
    return canvas
