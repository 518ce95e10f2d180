"""Clips of crawling cells as in a microscope: a domain of its own looks, shapes and motion.

A cell is darker or brighter than its surroundings, with a dark rim, a weak halo, grains and a nucleus, which is not the
object. Its outline ruffles, it crawls and turns, and cells touch. Debris is no object. A label is the whole cell inside
of the halo. Nothing is shared with the generators of training, replay or evaluation.

The contrast is such that clicks can be counted: of cells with nearly the brightness of their surroundings, ten clicks
select none before a training, and their number says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Plane = NDArray[np.float32]

SIZE = (240, 320)
FRAMES = 24
_STREAM = 611_953


@dataclass(frozen=True, slots=True, eq=False)
class CellClip:
    """frames: uint8 [T, H, W, 3]. masks: bool [T, N, H, W], visible pixels only."""

    frames: NDArray[np.uint8]
    masks: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Look:
    """The looks of a video. body: brightness of cells over the level. polarity: 1: nuclei are dark, -1: bright."""

    level: float
    body: float
    tint: NDArray[np.float32]
    rim: float
    halo: float
    grain: float
    nucleus: float
    polarity: float
    noise: float


def cell_clip(seed: int, frames: int = FRAMES) -> CellClip:
    """The clip of a seed: the same arguments give the same pixels."""
    rng = np.random.default_rng((_STREAM, seed))
    look = _draw_look(rng)
    background = _background(rng, look)
    cells = [_Cell(rng, place, frames) for place in _places(rng, int(rng.integers(3, 6)))]
    drift = np.cumsum(rng.normal(0, 0.35, (frames, 2)), 0)
    pictures, masks = [], []
    for t in range(frames):
        plane = _shifted(background, drift[t])
        shown: list[NDArray[np.bool_]] = []
        for cell in cells:
            inside = cell.mask(t)
            _paint(plane, inside, cell, t, look)
            shown = [mask & ~inside for mask in shown] + [inside]
        pictures.append(_developed(rng, plane, look))
        masks.append(np.stack(shown))
    return CellClip(np.stack(pictures), np.stack(masks))


def _draw_look(rng: Rng) -> Look:
    return Look(
        level=float(rng.uniform(95, 160)),
        tint=(1 + rng.uniform(-0.12, 0.12, 3)).astype(np.float32),
        body=float(rng.choice([-1, 1]) * rng.uniform(32, 62)),
        rim=float(rng.uniform(12, 25)),
        halo=float(rng.uniform(4, 11)),
        grain=float(rng.uniform(3, 8)),
        nucleus=float(rng.uniform(9, 18)),
        polarity=1.0 if rng.random() < 0.6 else -1.0,
        noise=float(rng.uniform(2, 6)),
    )


def _smooth(rng: Rng, cells: int) -> Plane:
    """Smooth noise of mean 0, float32 [H, W]."""
    grid = rng.normal(0, 1, (cells * 3 // 4, cells)).astype(np.float32)
    return np.asarray(cv2.resize(grid, SIZE[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _background(rng: Rng, look: Look) -> Plane:
    """Uneven light, a fine texture, and debris: dark specks and bright rings that are no cells."""
    plane = look.level + 9 * _smooth(rng, 4) + 3.5 * _smooth(rng, 40)
    for _ in range(int(rng.integers(4, 14))):
        x, y = (int(rng.integers(side)) for side in SIZE[::-1])
        radius = int(rng.integers(2, 6))
        speck = np.zeros(SIZE, np.float32)
        cv2.circle(speck, (x, y), radius, 1.0, -1 if rng.random() < 0.6 else 1, cv2.LINE_AA)
        plane += cv2.GaussianBlur(speck, (0, 0), 1.0) * float(rng.uniform(-45, 45))
    return np.asarray(plane, np.float32)


def _places(rng: Rng, count: int) -> NDArray[np.float64]:
    """Centres (x, y) in pixels, [count, 2], apart where thirty tries allow."""
    places: list[NDArray[np.float64]] = []
    for _ in range(count):
        for _attempt in range(30):
            place = rng.uniform([50, 45], [SIZE[1] - 50, SIZE[0] - 45])
            if all(np.hypot(*(place - other)) > 72 for other in places):
                break
        places.append(place)
    return np.array(places)


class _Cell:
    """One cell: its outline, path, nucleus and grains through the clip."""

    def __init__(self, rng: Rng, place: NDArray[np.float64], frames: int) -> None:
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.22, frames))
        # A crawling cell rests, stretches and jumps forward.
        speed = rng.uniform(0.3, 2.6) * (0.4 + np.abs(np.sin(0.45 * np.arange(frames) + rng.uniform(0, 6.3))))
        steps = speed[:, None] * np.stack([np.cos(heading), np.sin(heading)], 1)
        self.centres = np.clip(place + np.cumsum(steps, 0), 18, np.array(SIZE[::-1]) - 18.0)
        self.radius = float(rng.uniform(27, 44))
        self.stretch = float(rng.uniform(1.0, 1.7))
        self.angle = rng.uniform(0, np.pi) + np.cumsum(rng.normal(0, 0.05, frames))
        self.waves = [
            (n, rng.uniform(0.02, 0.17) / n**0.5, rng.uniform(0, 6.3), rng.normal(0, 0.28)) for n in range(2, 8)
        ]
        self.nucleus_rel = rng.uniform(-0.28, 0.28, 2)
        self.nucleus_size = float(rng.uniform(0.26, 0.42))
        self.grains = rng.normal(0, 1, (96, 96)).astype(np.float32)

    def mask(self, t: int) -> NDArray[np.bool_]:
        theta = np.linspace(0, 2 * np.pi, 96, endpoint=False)
        radius = self.radius * (1 + sum(a * np.sin(n * theta + p + w * t) for n, a, p, w in self.waves))
        along, across = radius * np.cos(theta) * self.stretch**0.5, radius * np.sin(theta) / self.stretch**0.5
        cosine, sine = np.cos(self.angle[t]), np.sin(self.angle[t])
        outline = np.stack([cosine * along - sine * across, sine * along + cosine * across], 1) + self.centres[t]
        canvas = np.zeros(SIZE, np.uint8)
        cv2.fillPoly(canvas, [np.round(outline).astype(np.int32)], (1,))
        return np.asarray(canvas > 0, np.bool_)

    def nucleus(self, t: int) -> Plane:
        """Soft, float32 [H, W], 0..1."""
        centre = self.centres[t] + self.nucleus_rel * self.radius
        axes = (int(self.radius * self.nucleus_size), int(self.radius * self.nucleus_size * 0.8))
        canvas = np.zeros(SIZE, np.float32)
        cv2.ellipse(
            canvas, np.round(centre).astype(int).tolist(), axes, float(np.degrees(self.angle[t])), 0, 360, 1.0, -1
        )
        return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 1.2), np.float32)

    def grain(self, t: int) -> Plane:
        """Grains that move with the cell, float32 [H, W]."""
        x, y = self.centres[t] - 48
        moved = cv2.warpAffine(self.grains, np.array([[1.0, 0.0, x], [0.0, 1.0, y]]), SIZE[::-1])
        return np.asarray(cv2.GaussianBlur(moved, (0, 0), 0.9), np.float32)


def _paint(plane: Plane, inside: NDArray[np.bool_], cell: _Cell, t: int, look: Look) -> None:
    """Draws a cell over the plane, in place: halo outside, rim on the edge, grains and nucleus inside."""
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3)
    away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 3)
    soft = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.8)
    body = look.level + look.body + look.grain * cell.grain(t) - look.polarity * look.nucleus * cell.nucleus(t)
    plane += soft * (body - plane)
    plane -= look.rim * np.exp(-(((depth - 1.5) / 1.6) ** 2)) * soft
    plane += look.halo * np.exp(-(((away - 3.0) / 2.4) ** 2)) * (1 - soft)


def _shifted(plane: Plane, shift: NDArray[np.float64]) -> Plane:
    matrix = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]])
    return np.asarray(cv2.warpAffine(plane, matrix, SIZE[::-1], borderMode=cv2.BORDER_REFLECT), np.float32)


def _developed(rng: Rng, plane: Plane, look: Look) -> NDArray[np.uint8]:
    """The plane through the microscope's optics and camera: uint8 [H, W, 3]."""
    seen = cv2.GaussianBlur(plane, (0, 0), 0.7) + rng.normal(0, look.noise, SIZE).astype(np.float32)
    return np.asarray(np.clip(seen[..., None] * look.tint, 0, 255), np.uint8)
