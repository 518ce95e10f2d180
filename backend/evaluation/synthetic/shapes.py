"""Shape families of the held-out clips. The training data uses none of these.

Every function fills an alpha plane, uint8 [side, side], in sprite units -0.5..0.5 (y down).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Alpha = NDArray[np.uint8]
Outline = NDArray[np.float64]

_SUBPIXEL_BITS = 4


def _fill(alpha: Alpha, outline: Outline, value: int = 255) -> None:
    points = np.round(((outline + 0.5) * alpha.shape[0]) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(alpha, [points], (value,), cv2.LINE_AA, _SUBPIXEL_BITS)


def _disc(alpha: Alpha, x: float, y: float, rx: float, ry: float, value: int = 255) -> None:
    theta = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    _fill(alpha, np.stack([x + rx * np.cos(theta), y + ry * np.sin(theta)], -1), value)


def star(alpha: Alpha, rng: Rng) -> None:
    points = int(rng.integers(5, 8))
    theta = np.linspace(0, 2 * np.pi, 2 * points, endpoint=False)
    radius = np.where(np.arange(2 * points) % 2 == 0, 0.48, rng.uniform(0.24, 0.3))
    _fill(alpha, np.stack([radius * np.cos(theta), radius * np.sin(theta)], -1))


def heart(alpha: Alpha, rng: Rng) -> None:
    s = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    x = 16 * np.sin(s) ** 3
    y = 13 * np.cos(s) - 5 * np.cos(2 * s) - 2 * np.cos(3 * s) - np.cos(4 * s)
    _fill(alpha, np.stack([x * rng.uniform(0.85, 1.0), -y - 2], -1) * (0.46 / 16))


def gear(alpha: Alpha, rng: Rng) -> None:
    teeth = int(rng.integers(7, 11))
    theta = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    radius = 0.38 + 0.09 * np.tanh(4 * np.sin(teeth * theta))
    _fill(alpha, np.stack([radius * np.cos(theta), radius * np.sin(theta)], -1))


def fish(alpha: Alpha, rng: Rng) -> None:
    height = rng.uniform(0.2, 0.28)
    _disc(alpha, -0.1, 0.0, 0.36, height)
    _fill(alpha, np.array([[0.18, 0.0], [0.48, -0.26], [0.42, 0.0], [0.48, 0.26]]))
    _fill(alpha, np.array([[-0.2, -height * 0.8], [0.1, -height * 1.55], [0.12, -height * 0.6]]))


def mushroom(alpha: Alpha, rng: Rng) -> None:
    theta = np.linspace(np.pi, 2 * np.pi, 32)
    _fill(alpha, np.stack([0.46 * np.cos(theta), 0.05 + 0.42 * np.sin(theta)], -1))
    stem = rng.uniform(0.13, 0.2)
    _fill(alpha, np.array([[-stem, 0.0], [stem, 0.0], [stem * 1.25, 0.44], [-stem * 1.25, 0.44]]))


def bottle(alpha: Alpha, rng: Rng) -> None:
    body = rng.uniform(0.17, 0.24)
    half = [[0.07, -0.48], [0.07, -0.28], [body, -0.12], [body, 0.44], [body - 0.04, 0.48]]
    right = np.array(half)
    _fill(alpha, np.concatenate([right, (right * [-1, 1])[::-1]]))


def leaf(alpha: Alpha, rng: Rng) -> None:
    s = np.linspace(0, np.pi, 32)
    width = rng.uniform(0.2, 0.27)
    edge = np.stack([-0.46 * np.cos(s), width * np.sin(s) * (1 + 0.25 * np.cos(s))], -1)
    _fill(alpha, np.concatenate([edge, (edge * [1, -1])[::-1]]))


def van(alpha: Alpha, rng: Rng) -> None:
    nose = rng.uniform(0.12, 0.26)
    _fill(alpha, np.array([[-0.47, -0.26], [nose, -0.26], [0.36, 0.0], [0.47, 0.04], [0.47, 0.2], [-0.47, 0.2]]))
    _disc(alpha, -0.26, 0.2, 0.1, 0.1)
    _disc(alpha, 0.26, 0.2, 0.1, 0.1)


FAMILIES: dict[str, Callable[[Alpha, Rng], None]] = {
    "star": star,
    "heart": heart,
    "gear": gear,
    "fish": fish,
    "mushroom": mushroom,
    "bottle": bottle,
    "leaf": leaf,
    "van": van,
}


def draw_shape(family: str, side: int, rng: Rng) -> Alpha:
    """Alpha of one shape of a named family, uint8 [side, side].

    Raises KeyError for a family that is not in ``FAMILIES``.
    """
    alpha = np.zeros((side, side), np.uint8)
    FAMILIES[family](alpha, rng)
    return alpha
