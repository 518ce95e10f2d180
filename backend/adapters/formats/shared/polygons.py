"""A mask as one closed polygon that includes all parts and holes.

Parts and holes are joined by seams, which run back and forth on one line. Filling the polygon by the even-odd rule, the
rule of drawing libraries, gives the mask again, except for seams of one pixel across gaps between parts. Corners are
pixel centres: the integer part of x * width is the pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.domain.geometry import BoolMask

Corners = NDArray[np.int32]
"""[N, 2] pixels, x and y."""


def outline_of(mask: BoolMask) -> Corners | None:
    """One polygon for the whole mask; None for an empty mask. mask: [H, W] bool. -> [N >= 3, 2] int32"""
    contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    closed = [np.asarray(contour, np.int32).reshape(-1, 2) for contour in contours]
    closed.sort(key=lambda contour: (-len(contour), contour.tolist()))
    outline = closed[0]
    for contour in closed[1:]:
        outline = _joined(outline, contour)
    while len(outline) < 3:
        outline = np.concatenate((outline, outline[-1:]))
    return outline


def relative(corners: Corners, width: int, height: int) -> NDArray[np.float64]:
    """[N, 2] within 0..1, at pixel centres."""
    return (corners + 0.5) / np.array((width, height), np.float64)


def _joined(outline: Corners, contour: Corners) -> Corners:
    """The outline with a contour inserted at the two corners that are nearest to each other."""
    best: tuple[int, int, int] | None = None
    for at, corner in enumerate(contour):
        offsets = outline - corner
        distances = np.einsum("ij,ij->i", offsets, offsets)
        nearest = int(distances.argmin())
        if best is None or distances[nearest] < best[0]:
            best = (int(distances[nearest]), nearest, at)
    assert best is not None, "a contour has at least one corner"
    _, in_outline, in_contour = best
    rotated = np.concatenate((contour[in_contour:], contour[: in_contour + 1]))
    return np.concatenate((outline[: in_outline + 1], rotated, outline[in_outline:]))
