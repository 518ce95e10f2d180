"""Textures of the held-out clips: plaid, rings, marble, cells, zigzag, tiles, hills. Training uses none."""

from __future__ import annotations

import colorsys
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Rgb = NDArray[np.uint8]
Weight = NDArray[np.float32]
Colour = NDArray[np.float32]

OBJECT_TEXTURES = ("plaid", "rings", "marble", "zigzag", "tiles")
BACKGROUNDS = ("cells", "marble", "hills", "tiles")


def colour(hue: float, saturation: float, value: float) -> Colour:
    """An RGB colour, float32 [3], 0..255, from hue, saturation and value in 0..1."""
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value), np.float32) * 255


def _axes(height: int, width: int) -> tuple[Weight, Weight]:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(min(height, width))
    return x, y


def _weight(values: NDArray[Any]) -> Weight:
    weight: Weight = values.astype(np.float32)
    return weight


def _swirl(rng: Rng, x: Weight, y: Weight) -> Weight:
    total = np.zeros_like(x)
    for _ in range(4):
        fx, fy = rng.uniform(-9, 9, 2)
        total += np.sin(fx * x + fy * y + rng.uniform(0, 6.3)).astype(np.float32)
    return total


def _plaid(rng: Rng, x: Weight, y: Weight) -> Weight:
    frequency = rng.uniform(20, 34)
    return _weight(0.25 * (2 + np.sign(np.sin(frequency * x)) + np.sign(np.sin(frequency * y))))


def _rings(rng: Rng, x: Weight, y: Weight) -> Weight:
    cx, cy = rng.uniform(0.3, 0.7, 2)
    return _weight(0.5 + 0.5 * np.sin(rng.uniform(28, 50) * np.hypot(x - cx, y - cy)))


def _marble(rng: Rng, x: Weight, y: Weight) -> Weight:
    return _weight(0.5 + 0.5 * np.sin(rng.uniform(4, 8) * (x + y) + 1.4 * _swirl(rng, x, y)))


def _zigzag(rng: Rng, x: Weight, y: Weight) -> Weight:
    frequency = rng.uniform(5, 8)
    saw = np.abs((x * frequency) % 1 - 0.5)
    return _weight(((y * frequency + saw) % 1) > 0.5)


def _tiles(rng: Rng, x: Weight, y: Weight) -> Weight:
    frequency = rng.uniform(4, 8)
    row = np.floor(y * frequency * 1.6)
    joint_y = (y * frequency * 1.6) % 1 < 0.16
    joint_x = (x * frequency + 0.5 * (row % 2)) % 1 < 0.1
    return _weight(~(joint_x | joint_y))


def _cells(rng: Rng, x: Weight, y: Weight) -> Weight:
    seeds = rng.uniform(-0.1, 1.5, (26, 2))
    distance = np.stack([np.hypot(x - sx, y - sy) for sx, sy in seeds])
    return _weight(rng.random(26)[distance.argmin(0)])


def _hills(rng: Rng, x: Weight, y: Weight) -> Weight:
    weight = 0.15 * y
    for level in range(4):
        ridge = 0.25 + 0.22 * level + 0.08 * np.sin(rng.uniform(3, 9) * x + rng.uniform(0, 6.3))
        weight = np.where(y > ridge, 0.25 * (level + 1), weight)
    return weight


_PATTERNS = {
    "plaid": _plaid,
    "rings": _rings,
    "marble": _marble,
    "zigzag": _zigzag,
    "tiles": _tiles,
    "cells": _cells,
    "hills": _hills,
}


def paint(name: str, size: tuple[int, int], low: Colour, high: Colour, rng: Rng) -> Rgb:
    """A texture of a named kind between two colours, uint8 [height, width, 3].

    Raises KeyError for a kind that does not exist.
    """
    x, y = _axes(*size)
    weight = np.clip(_PATTERNS[name](rng, x, y), 0, 1).astype(np.float32)
    weight = cv2.GaussianBlur(weight, (0, 0), 0.8)[..., None]
    painted: Rgb = np.clip(low + (high - low) * weight, 0, 255).astype(np.uint8)
    return painted
