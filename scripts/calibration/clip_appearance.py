"""Outlines and textures of the generated clips: one set for calibration, another for the test.

The two sets share no name with each other, with the held-out clips or with the training data. A calibrator cannot use
a learnt appearance in the test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.evaluation.synthetic.renderer import ByteArray, FloatArray

Rng = np.random.Generator
Outline = NDArray[np.float64]
Painter = Callable[[Rng, FloatArray, FloatArray], NDArray[Any]]

_SUBPIXEL_BITS = 4


class Split(StrEnum):
    """The use of a generated clip. A clip has one use."""

    CALIBRATION = "calibration"
    TEST = "test"


def _arrow(rng: Rng) -> list[Outline]:
    neck = rng.uniform(0.1, 0.17)
    return [
        np.array([[-0.46, -neck], [0.05, -neck], [0.05, -0.34], [0.46, 0], [0.05, 0.34], [0.05, neck], [-0.46, neck]])
    ]


def _crescent(rng: Rng) -> list[Outline]:
    theta = np.linspace(-2.2, 2.2, 40)
    outer = np.stack([-0.44 * np.cos(theta), 0.46 * np.sin(theta)], -1)
    inner = np.stack([-rng.uniform(0.12, 0.2) * np.cos(theta[::-1]) + 0.06, 0.36 * np.sin(theta[::-1])], -1)
    return [np.concatenate([outer, inner])]


def _hourglass(rng: Rng) -> list[Outline]:
    waist = rng.uniform(0.09, 0.16)
    return [np.array([[-0.36, -0.46], [0.36, -0.46], [waist, 0], [0.36, 0.46], [-0.36, 0.46], [-waist, 0]])]


def _boat(rng: Rng) -> list[Outline]:
    mast = rng.uniform(-0.05, 0.1)
    hull = np.array([[-0.46, 0.12], [0.46, 0.12], [0.3, 0.4], [-0.3, 0.4]])
    return [hull, np.array([[mast, -0.46], [0.4, 0.08], [mast - 0.02, 0.14], [-0.3, 0.08]])]


def _cactus(rng: Rng) -> list[Outline]:
    arm = rng.uniform(-0.1, 0.05)
    trunk = np.array([[-0.13, -0.4], [0.0, -0.47], [0.13, -0.4], [0.13, 0.46], [-0.13, 0.46]])
    left = np.array([[-0.4, -0.2], [-0.27, -0.2], [-0.27, arm + 0.04], [0, arm], [0, arm + 0.18], [-0.4, arm + 0.18]])
    return [trunk, left, left * [-1, 1] + [0, 0.1]]


def _kite(rng: Rng) -> list[Outline]:
    shoulder = rng.uniform(-0.2, -0.08)
    return [np.array([[0, -0.47], [0.36, shoulder], [0, 0.47], [-0.36, shoulder]])]


def _umbrella(rng: Rng) -> list[Outline]:
    theta = np.linspace(np.pi, 2 * np.pi, 32)
    canopy = np.stack([0.46 * np.cos(theta), 0.08 + 0.5 * np.sin(theta)], -1)
    stick = rng.uniform(0.04, 0.07)
    return [canopy, np.array([[-stick, 0], [stick, 0], [stick, 0.46], [-0.2, 0.46], [-0.2, 0.34], [-stick, 0.34]])]


def _rocket(rng: Rng) -> list[Outline]:
    body = rng.uniform(0.14, 0.2)
    hull = np.array([[0, -0.48], [body, -0.18], [body, 0.34], [-body, 0.34], [-body, -0.18]])
    return [hull, np.array([[-0.38, 0.46], [-body, 0.05], [body, 0.05], [0.38, 0.46], [0, 0.3]])]


def _bird(rng: Rng) -> list[Outline]:
    droop = rng.uniform(0.0, 0.14)
    wing = np.array([[0, 0.1], [-0.2, -0.24], [-0.47, -0.1 + droop], [-0.26, 0.02], [-0.1, 0.22]])
    return [wing, wing * [-1, 1], np.array([[-0.1, -0.1], [0.1, -0.1], [0.12, 0.3], [0, 0.46], [-0.12, 0.3]])]


def _cup(rng: Rng) -> list[Outline]:
    foot = rng.uniform(0.18, 0.26)
    bowl = np.array([[-0.36, -0.38], [0.24, -0.38], [foot, 0.4], [-foot - 0.08, 0.4]])
    theta = np.linspace(-1.5, 1.5, 20)
    ear = np.stack([0.16 + 0.3 * np.cos(theta), -0.06 + 0.24 * np.sin(theta)], -1)
    hollow = np.stack([0.16 + 0.16 * np.cos(theta[::-1]), -0.06 + 0.12 * np.sin(theta[::-1])], -1)
    return [bowl, np.concatenate([ear, hollow])]


def _fir(rng: Rng) -> list[Outline]:
    layers = [
        np.array([[0, top], [half, top + 0.36], [-half, top + 0.36]])
        for top, half in ((-0.48, 0.24), (-0.22, 0.33), (0.02, 0.42))
    ]
    stem = rng.uniform(0.06, 0.1)
    return [*layers, np.array([[-stem, 0.3], [stem, 0.3], [stem, 0.48], [-stem, 0.48]])]


def _guitar(rng: Rng) -> list[Outline]:
    theta = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.stack([np.cos(theta), np.sin(theta)], -1)
    belly = rng.uniform(0.24, 0.29)
    neck = np.array([[-0.05, -0.48], [0.05, -0.48], [0.05, 0.1], [-0.05, 0.1]])
    return [circle * belly + [0, 0.2], circle * 0.18 + [0, -0.08], neck]


OUTLINES: Mapping[Split, Mapping[str, Callable[[Rng], list[Outline]]]] = {
    Split.CALIBRATION: {
        "arrow": _arrow,
        "crescent": _crescent,
        "hourglass": _hourglass,
        "boat": _boat,
        "cactus": _cactus,
        "kite": _kite,
    },
    Split.TEST: {
        "umbrella": _umbrella,
        "rocket": _rocket,
        "bird": _bird,
        "cup": _cup,
        "fir": _fir,
        "guitar": _guitar,
    },
}


def _waves(rng: Rng, x: FloatArray, y: FloatArray) -> NDArray[Any]:
    return np.asarray(0.5 + 0.5 * np.sin(rng.uniform(20, 34) * (y + 0.06 * np.sin(rng.uniform(8, 16) * x))))


def _scales(rng: Rng, x: FloatArray, y: FloatArray) -> NDArray[Any]:
    pitch = rng.uniform(6, 10)
    row = np.floor(y * pitch)
    u, v = (x * pitch + 0.5 * (row % 2)) % 1 - 0.5, (y * pitch) % 1
    return np.asarray(np.clip(1.6 * np.hypot(u, v), 0, 1))


def _hatch(rng: Rng, x: FloatArray, y: FloatArray) -> NDArray[Any]:
    pitch = rng.uniform(26, 40)
    return np.asarray(np.maximum(np.sin(pitch * (x + y)), np.sin(pitch * (x - y))) * 0.5 + 0.5)


def _clouds(rng: Rng, x: FloatArray, y: FloatArray) -> NDArray[Any]:
    total = np.zeros_like(x)
    for octave in (2.0, 4.0, 7.0, 11.0):
        fx, fy = rng.normal(0, octave, 2)
        total += np.sin(fx * x + fy * y + rng.uniform(0, 6.3)) / octave**0.5
    return np.asarray(np.clip(0.5 + 0.3 * total, 0, 1))


def _facets(rng: Rng, x: FloatArray, y: FloatArray) -> NDArray[Any]:
    total = np.zeros_like(x)
    for _ in range(7):
        angle = rng.uniform(0, 6.3)
        total += np.sign(np.cos(angle) * (x - rng.uniform(0, 1.3)) + np.sin(angle) * (y - rng.uniform(0, 1)))
    return 0.5 + total / 14


def _spiral(rng: Rng, x: FloatArray, y: FloatArray) -> NDArray[Any]:
    dx, dy = x - rng.uniform(0.3, 0.7), y - rng.uniform(0.3, 0.7)
    return np.asarray(0.5 + 0.5 * np.sin(rng.uniform(24, 36) * np.hypot(dx, dy) + 3 * np.arctan2(dy, dx)))


def _leopard(rng: Rng, x: FloatArray, y: FloatArray) -> NDArray[Any]:
    total = np.zeros_like(x)
    for _ in range(6):
        angle, pitch = rng.uniform(0, 6.3), rng.uniform(24, 36)
        total += np.sin(pitch * (np.cos(angle) * x + np.sin(angle) * y) + rng.uniform(0, 6.3))
    return total > 0.6


def _herringbone(rng: Rng, x: FloatArray, y: FloatArray) -> NDArray[Any]:
    pitch = rng.uniform(5, 8)
    lean = np.where(np.floor(x * pitch) % 2 == 0, x, -x)
    return ((y + lean) * pitch * 2.2) % 1 > 0.5


def _terraces(rng: Rng, x: FloatArray, y: FloatArray) -> NDArray[Any]:
    height = np.zeros_like(x)
    for _ in range(5):
        cx, cy = rng.uniform(0, 1.4), rng.uniform(0, 1)
        height += np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / rng.uniform(0.04, 0.16))
    return np.floor(height * 5) % 4 / 3


def _moire(rng: Rng, x: FloatArray, y: FloatArray) -> NDArray[Any]:
    first, second = rng.uniform(9, 15, 2)
    return np.asarray(
        0.5 + 0.25 * (np.sin(first * np.hypot(x, y)) + np.sin(second * np.hypot(x - 1.3, y - rng.uniform(0, 1))))
    )


BODIES: Mapping[Split, Mapping[str, Painter]] = {
    Split.CALIBRATION: {"waves": _waves, "scales": _scales, "hatch": _hatch},
    Split.TEST: {"spiral": _spiral, "leopard": _leopard, "herringbone": _herringbone},
}
BACKDROPS: Mapping[Split, Mapping[str, Painter]] = {
    Split.CALIBRATION: {"clouds": _clouds, "facets": _facets},
    Split.TEST: {"terraces": _terraces, "moire": _moire},
}


def draw_outline(split: Split, name: str, side: int, rng: Rng) -> ByteArray:
    """Alpha of one outline, uint8 [side, side]. Raises KeyError for a name outside the split."""
    alpha = np.zeros((side, side), np.uint8)
    for outline in OUTLINES[split][name](rng):
        points = np.round((outline + 0.5) * side * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(alpha, [points], (255,), cv2.LINE_AA, _SUBPIXEL_BITS)
    return alpha


def paint(painter: Painter, size: tuple[int, int], low: FloatArray, high: FloatArray, rng: Rng) -> ByteArray:
    """A texture between two RGB colours (float32 [3], 0..255): uint8 [height, width, 3]. size: (height, width)."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32) / np.float32(min(size))
    sharp = np.clip(painter(rng, x, y), 0, 1).astype(np.float32)
    weight = cv2.GaussianBlur(sharp, (0, 0), 0.7)[..., None]
    painted: ByteArray = np.clip(low + (high - low) * weight, 0, 255).astype(np.uint8)
    return painted
