"""A mask as one closed polygon, however many parts and holes it has.

Parts and holes are joined by seams, there and back on one line, so that filling the polygon by the even-odd rule, as
every drawing library does, gives the mask again; where a seam crosses a gap between two parts it is one pixel wide.
Corners are pixel centres, so cutting off the fraction of x * width gives the pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.domain.geometry import BoolMask

Corners = NDArray[np.int32]
"""[N, 2] pixels, x and y."""


def outline_of(mask: BoolMask) -> Corners | None:
    """One polygon for the whole mask; None if it is empty. mask: [H, W] bool. -> [N >= 3, 2] int32"""
    contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    rings = [np.asarray(contour, np.int32).reshape(-1, 2) for contour in contours]
    rings.sort(key=lambda ring: (-len(ring), ring.tolist()))
    outline = rings[0]
    for ring in rings[1:]:
        outline = _joined(outline, ring)
    while len(outline) < 3:
        outline = np.concatenate((outline, outline[-1:]))
    return outline


def relative(corners: Corners, width: int, height: int) -> NDArray[np.float64]:
    """[N, 2] within 0..1, at pixel centres."""
    return (corners + 0.5) / np.array((width, height), np.float64)


def _joined(outline: Corners, ring: Corners) -> Corners:
    """The outline with a ring spliced in at the two corners that are nearest to each other."""
    best: tuple[int, int, int] | None = None
    for at, corner in enumerate(ring):
        offsets = outline - corner
        distances = np.einsum("ij,ij->i", offsets, offsets)
        nearest = int(distances.argmin())
        if best is None or distances[nearest] < best[0]:
            best = (int(distances[nearest]), nearest, at)
    assert best is not None, "a contour has at least one corner"
    _, here, there = best
    turned = np.concatenate((ring[there:], ring[: there + 1]))
    return np.concatenate((outline[: here + 1], turned, outline[here:]))
