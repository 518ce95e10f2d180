"""Shape families of the training data. The held-out clips use none of these."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Alpha = NDArray[np.uint8]
SHIFT = 4


def _fill(alpha: Alpha, outline: NDArray[np.float64], value: int = 255) -> None:
    """Fill a polygon given in sprite units (-0.5..0.5), antialiased."""
    side = alpha.shape[0]
    points = np.round(((outline + 0.5) * side) * (1 << SHIFT)).astype(np.int32)
    cv2.fillPoly(alpha, [points], (value,), cv2.LINE_AA, SHIFT)


def _ring(count: int) -> NDArray[np.float64]:
    return np.linspace(0, 2 * np.pi, count, endpoint=False)


def _polar(radius: NDArray[np.float64], theta: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([radius * np.cos(theta), radius * np.sin(theta)], -1)


def ellipse(alpha: Alpha, rng: Rng) -> None:
    theta = _ring(40)
    _fill(alpha, _polar(np.full(40, 0.47), theta) * [1.0, rng.uniform(0.45, 1.0)])


def polygon(alpha: Alpha, rng: Rng) -> None:
    count = int(rng.integers(3, 8))
    theta = _ring(count) + rng.uniform(-0.25, 0.25, count)
    _fill(alpha, _polar(np.full(count, 0.47), theta) * [1.0, rng.uniform(0.6, 1.0)])


def rectangle(alpha: Alpha, rng: Rng) -> None:
    half = np.array([0.45, rng.uniform(0.18, 0.45)])
    _fill(alpha, np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half)


def blob(alpha: Alpha, rng: Rng) -> None:
    theta = _ring(64)
    radius = np.ones(64)
    for harmonic in range(2, 6):
        radius += rng.uniform(0, 0.45 / harmonic) * np.cos(harmonic * theta + rng.uniform(0, 6.3))
    _fill(alpha, _polar(0.48 * radius / radius.max(), theta))


def jagged(alpha: Alpha, rng: Rng) -> None:
    count = int(rng.integers(7, 13))
    _fill(alpha, _polar(rng.uniform(0.22, 0.48, count), _ring(count)))


def cluster(alpha: Alpha, rng: Rng) -> None:
    """Several ellipses that touch: a body with limbs."""
    theta = _ring(32)
    body = np.array([rng.uniform(0.18, 0.3), rng.uniform(0.14, 0.26)])
    _fill(alpha, _polar(np.ones(32), theta) * body)
    for angle in rng.uniform(0, 2 * np.pi, int(rng.integers(2, 6))):
        place = np.array([np.cos(angle), np.sin(angle)]) * (body + 0.04)
        part = rng.uniform(0.07, 0.17, 2)
        _fill(alpha, place + _polar(np.ones(32), theta) * np.minimum(part, 0.48 - np.abs(place).max()))


def tube(alpha: Alpha, rng: Rng) -> None:
    """A thick curve."""
    side = alpha.shape[0]
    s = np.linspace(-0.36, 0.36, 24)
    y = rng.uniform(0.05, 0.2) * np.sin(s * rng.uniform(4, 12) + rng.uniform(0, 6.3))
    points = np.round((np.stack([s, y], -1) + 0.5) * side).astype(np.int32)
    cv2.polylines(alpha, [points], False, (255,), int(side * rng.uniform(0.14, 0.24)), cv2.LINE_AA)


def donut(alpha: Alpha, rng: Rng) -> None:
    theta = _ring(40)
    scale = [1.0, rng.uniform(0.7, 1.0)]
    _fill(alpha, _polar(np.full(40, 0.47), theta) * scale)
    _fill(alpha, _polar(np.full(40, rng.uniform(0.12, 0.22)), theta) * scale, 0)


EASY: tuple[Callable[[Alpha, Rng], None], ...] = (ellipse, polygon, rectangle, blob)
ALL: tuple[Callable[[Alpha, Rng], None], ...] = (*EASY, blob, jagged, cluster, cluster, tube, donut)


def draw_shape(rng: Rng, side: int, difficulty: float) -> Alpha:
    """Alpha of one random shape, uint8 [side, side]; ``difficulty`` 0..1 widens the families."""
    families = ALL if rng.random() < difficulty else EASY
    alpha = np.zeros((side, side), np.uint8)
    families[int(rng.integers(len(families)))](alpha, rng)
    return alpha
