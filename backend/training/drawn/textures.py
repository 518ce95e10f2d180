"""Textures of the training data: gradients, stripes, checks, noise, dots, photographs.

The photographs come from the scikit-image wheel (a development dependency). Without it only procedural textures are
used.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Rgb = NDArray[np.uint8]

PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "grass.png",
    "gravel.png", "hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg",
    "moon.png",
)  # fmt: skip


@lru_cache(maxsize=1)
def photographs() -> tuple[Rgb, ...]:
    """The scikit-image photographs, RGB uint8, longer side at most 420 px; empty without the package."""
    try:
        import skimage
    except ImportError:
        return ()
    folder = Path(skimage.__file__).parent / "data"
    found = []
    for name in PHOTOGRAPHS:
        image = cv2.imread(str(folder / name), cv2.IMREAD_COLOR)
        if image is None:
            continue
        scale = 420 / max(image.shape[:2])
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found.append(np.ascontiguousarray(image[..., ::-1], dtype=np.uint8))
    return tuple(found)


def random_colour(rng: Rng) -> NDArray[np.float32]:
    """One RGB colour, float32 [3], 0..255, spread over hue, saturation and value."""
    hsv = np.array([[[rng.uniform(0, 179), 255 * rng.uniform(0, 1) ** 0.6, rng.uniform(30, 255)]]], np.uint8)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0], np.float32)


def contrasting(rng: Rng, other: NDArray[np.float32], distance: float) -> NDArray[np.float32]:
    """A colour at least ``distance`` (Euclidean, RGB) from ``other`` if eight tries find one."""
    for _ in range(8):
        colour = random_colour(rng)
        if np.linalg.norm(colour - other) >= distance:
            break
    return colour


def value_noise(rng: Rng, side: int, cells: int) -> NDArray[np.float32]:
    """Smooth noise 0..1, float32 [side, side]."""
    grid = rng.random((cells, cells), dtype=np.float32)
    return np.asarray(cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)


def pattern(rng: Rng, side: int, kind: int) -> NDArray[np.float32]:
    """A mixing weight 0..1, float32 [side, side]: gradient, stripes, checks, noise, dots or speckle."""
    axis = np.arange(side, dtype=np.float32) / side
    angle = rng.uniform(0, np.pi)
    x = np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]
    y = -np.sin(angle) * axis[None, :] + np.cos(angle) * axis[:, None]
    frequency = np.float32(rng.uniform(3, 12))
    if kind == 0:
        weight = x
    elif kind == 1:
        weight = (np.sin(6.2832 * frequency * x) > rng.uniform(-0.5, 0.5)).astype(np.float32)
    elif kind == 2:
        weight = ((np.floor(x * frequency) + np.floor(y * frequency)) % 2).astype(np.float32)
    elif kind == 3:
        weight = value_noise(rng, side, int(rng.integers(3, 24)))
    elif kind == 4:
        weight = ((x * frequency % 1 - 0.5) ** 2 + (y * frequency % 1 - 0.5) ** 2 < 0.09).astype(np.float32)
    else:
        weight = rng.random((side, side), dtype=np.float32)
    return np.asarray(np.clip(weight, 0, 1), np.float32)


def photo_crop(rng: Rng, side: int) -> Rgb | None:
    """A random square of a random photograph, resized and sometimes mirrored, or None without photographs."""
    images = photographs()
    if not images:
        return None
    photo = images[int(rng.integers(len(images)))]
    crop = int(min(photo.shape[:2]) * rng.uniform(0.25, 1.0))
    y = int(rng.integers(photo.shape[0] - crop + 1))
    x = int(rng.integers(photo.shape[1] - crop + 1))
    resized = cv2.resize(photo[y : y + crop, x : x + crop], (side, side), interpolation=cv2.INTER_LINEAR)
    patch = np.asarray(resized, np.uint8)
    patch = patch[:, ::-1] if rng.random() < 0.5 else patch
    return patch[..., rng.permutation(3)] if rng.random() < 0.5 else patch


def object_texture(rng: Rng, side: int, avoid: NDArray[np.float32], difficulty: float) -> Rgb:
    """A square texture, uint8 [side, side, 3]; easy ones are nearly plain and far from ``avoid``."""
    if rng.random() < 0.25 * difficulty:
        photo = photo_crop(rng, side)
        if photo is not None:
            return photo
    base = contrasting(rng, avoid, 110 - 80 * difficulty)
    contrast = rng.uniform(0.1, 0.3 + 0.7 * difficulty)
    second = base + (random_colour(rng) - base) * np.float32(contrast)
    kind = int(rng.integers(6)) if rng.random() < 0.3 + 0.6 * difficulty else 0
    weight = pattern(rng, side, kind)[..., None]
    return np.clip(base + (second - base) * weight, 0, 255).astype(np.uint8)


def background(rng: Rng, side: int, difficulty: float) -> Rgb:
    """A background, uint8 [side, side, 3]: plain at low difficulty, then patterns and photographs."""
    if rng.random() < 0.55 * difficulty:
        photo = photo_crop(rng, side)
        if photo is not None:
            return photo
    base = random_colour(rng)
    contrast = rng.uniform(0.0, 0.15 + 0.85 * difficulty)
    second = base + (random_colour(rng) - base) * np.float32(contrast)
    kind = int(rng.integers(6)) if rng.random() < 0.2 + 0.6 * difficulty else (0, 3)[int(rng.integers(2))]
    weight = pattern(rng, side, kind)[..., None]
    return np.clip(base + (second - base) * weight, 0, 255).astype(np.uint8)
