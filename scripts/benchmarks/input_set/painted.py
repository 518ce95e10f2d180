"""The painted picture of every input: a number as stripes, four corners, and a marker whose place follows the number.

A picture is read without knowing its size or orientation: the corners differ under each of the eight orientations.
Places are shares of the upright picture's sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.domain.geometry import BoolMask, RgbFrame

WIDTH, HEIGHT = 128, 96
BITS = 7
NUMBERS = 2**BITS
CORNER = 0.15
STRIPES = (0.22, 0.44)
"""The rows of the stripes: one for each bit, the lowest at the left, white = 1, then one for even parity."""

BAND = (0.5, 0.84)
"""The rows of the black ground that the marker stands on."""

MARKER = (0.2, 0.24)
MARKER_TOP = 0.55
GREY = 128
BLACK, WHITE = 80, 176
"""The limits of grey: a black place is below the first, a white one above the second."""

ORIENTATIONS = tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4))

Grey = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a picture shows. number: as painted. turns, mirrored: how it differs from the upright picture.

    marker: [H, W] bool, the marker's pixels in the picture as it is shown.
    """

    number: int
    turns: int
    mirrored: bool
    marker: BoolMask


def painted(number: int, *, width: int = WIDTH, height: int = HEIGHT) -> RgbFrame:
    """The picture of a number below NUMBERS, [H, W, 3] uint8, upright."""
    grey = np.full((height, width), GREY, np.uint8)
    rows, columns = _edge(CORNER, height), _edge(CORNER, width)
    grey[:rows, :columns], grey[:rows, width - columns :] = 255, 0
    values = [number >> bit & 1 for bit in range(BITS)]
    for place, value in enumerate([*values, sum(values) % 2]):
        left, right = (_edge((place + side) / (BITS + 1), width) for side in (0, 1))
        grey[_edge(STRIPES[0], height) : _edge(STRIPES[1], height), left:right] = 255 * value
    grey[_edge(BAND[0], height) : _edge(BAND[1], height)] = 0
    left_rel = marker_left(number)
    top, bottom, middle = (_edge(MARKER_TOP + part * MARKER[1], height) for part in (0, 1, 0.5))
    left, right, half = (_edge(left_rel + part * MARKER[0], width) for part in (0, 1, 0.5))
    grey[top:bottom, left:right] = 255
    grey[middle:bottom, half:right] = 0  # an L: no two orientations of it are equal
    return np.repeat(grey[..., None], 3, axis=2)


def marker_left(number: int) -> float:
    """The left side of a number's marker: neighbouring numbers' markers hardly overlap."""
    return 0.05 + 0.7 * (number * 5 % 16) / 15


def read(picture: RgbFrame) -> Reading | None:
    """What a picture shows, [H, W, 3] uint8; None if it is not one painted picture in one of the orientations."""
    shown: Grey = picture.astype(np.float64).mean(2)
    for turns, mirrored in ORIENTATIONS:
        upright = np.rot90(shown[:, ::-1] if mirrored else shown, turns)
        number = _number(upright)
        if number is not None:
            marker = np.rot90(_marker(upright), -turns)
            return Reading(number, turns, mirrored, np.ascontiguousarray(marker[:, ::-1] if mirrored else marker))
    return None


def _number(upright: Grey) -> int | None:
    near, far = CORNER / 2, 1 - CORNER / 2
    corners = [_level(upright, x, y) for x, y in ((near, near), (far, near), (near, far), (far, far))]
    if not (corners[0] > WHITE and corners[1] < BLACK and all(BLACK < each < WHITE for each in corners[2:])):
        return None
    middle = sum(STRIPES) / 2
    levels = [_level(upright, (place + 0.5) / (BITS + 1), middle) for place in range(BITS + 1)]
    if any(BLACK <= level <= WHITE for level in levels):
        return None
    values = [level > WHITE for level in levels]
    if sum(values) % 2:
        return None
    return sum(1 << bit for bit, value in enumerate(values[:BITS]) if value)


def _level(grey: Grey, x: float, y: float) -> float:
    """The mean of a small place around a point."""
    height, width = grey.shape
    row, column = int(y * height), int(x * width)
    return float(grey[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3].mean())


def _marker(upright: Grey) -> BoolMask:
    """The marker's pixels: the bright ones well within the black ground."""
    height, width = upright.shape
    marker = np.zeros((height, width), np.bool_)
    first, last = _edge(BAND[0] + 0.02, height), _edge(BAND[1] - 0.02, height)
    marker[first:last] = upright[first:last] > GREY
    return marker


def _edge(share: float, pixels: int) -> int:
    return round(share * pixels)
