"""Agreement of the boundaries of two masks: DAVIS's F."""

from __future__ import annotations

import numpy as np

from backend.domain.geometry import BoolMask

TOLERANCE_REL = 0.008
"""Of the frame's diagonal: how far a boundary pixel may lie from the other boundary."""


def boundary_f(first: BoolMask, second: BoolMask) -> float:
    """The harmonic mean of the shares of each boundary within the tolerance of the other, 0..1; 1 if both are empty.

    first, second: [H, W] bool. Perazzi et al. 2016 (DAVIS), with a disc as the neighbourhood.
    """
    if not first.any() or not second.any():
        return float(first.any() == second.any())
    radius = max(round(TOLERANCE_REL * float(np.hypot(*first.shape))), 1)
    window = union_window(first | second, margin=radius + 1)
    first_edge, second_edge = edge_of(first[window]), edge_of(second[window])
    precision = _share_within(first_edge, second_edge, radius)
    recall = _share_within(second_edge, first_edge, radius)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def union_window(union: BoolMask, *, margin: int) -> tuple[slice, slice]:
    """Rows and columns around the true pixels of [H, W], `margin` pixels wider where the frame goes on."""
    rows, columns = np.flatnonzero(union.any(axis=1)), np.flatnonzero(union.any(axis=0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1),
    )


def edge_of(mask: BoolMask) -> BoolMask:
    """The mask's pixels that have one of their eight neighbours, or the frame's outside, beside the mask: [H, W]."""
    height, width = mask.shape
    padded = np.pad(mask, 1)
    inner = mask.copy()
    for down in range(3):
        for right in range(3):
            inner &= padded[down : down + height, right : right + width]
    return mask & ~inner


def dilated(mask: BoolMask, radius: int) -> BoolMask:
    """The pixels within a disc around a true pixel: [H, W]. radius: pixels; suits few true pixels, such as edges."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    steps = np.zeros((height, width + 1), np.int64)
    for down in range(-radius, radius + 1):
        half = round(float(np.sqrt(radius * radius - down * down)))
        inside = (rows + down >= 0) & (rows + down < height)
        at, middle = rows[inside] + down, columns[inside]
        starts = at * (width + 1) + np.maximum(middle - half, 0)
        stops = at * (width + 1) + np.minimum(middle + half + 1, width)
        flat = np.bincount(starts, minlength=steps.size) - np.bincount(stops, minlength=steps.size)
        steps += flat.reshape(steps.shape)
    return np.asarray(steps.cumsum(axis=1)[:, :width] > 0)


def _share_within(edge: BoolMask, other: BoolMask, radius: int) -> float:
    """The share of an edge's pixels that lie within the disc of the other edge."""
    return float((edge & dilated(other, radius)).sum()) / int(edge.sum())
