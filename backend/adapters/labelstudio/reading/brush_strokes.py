"""Strokes of Label Studio's brush and eraser, as drafts hold them: not yet drawn into the mask they are over.

A draft is saved without drawing, so a region in it has the mask as it was before and the strokes made since.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.adapters.labelstudio.reading.fields import as_list, as_number, as_object
from backend.domain.errors import TooLarge
from backend.domain.geometry import BoolMask, FrameSize

MOST_STROKES = 10_000
MOST_POINTS = 100_000
FARTHEST_PCT = 1_000.0
SHIFT = 4
"""Bits after the point in which coordinates are drawn: a sixteenth of a pixel."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One stroke, in pixels. points: x, y pairs; erases: whether it takes away."""

    points: tuple[tuple[float, float], ...]
    width_px: float
    erases: bool


def strokes_of(value: object, where: str, size: FrameSize) -> list[Stroke]:
    """The strokes of a region, in the order they were made; none if it has none.

    Raises MalformedRequest naming the field, TooLarge for more than are read.
    """
    if value is None:
        return []
    entries = as_list(value, where)
    if len(entries) > MOST_STROKES:
        raise TooLarge(f"{where} has {len(entries)} strokes; the most that is read is {MOST_STROKES}")
    return [_stroke(entry, f"{where}[{position}]", size) for position, entry in enumerate(entries)]


def _stroke(entry: object, where: str, size: FrameSize) -> Stroke:
    stroke = as_object(entry, where)
    numbers = as_list(stroke.get("relativePoints"), f"{where}.relativePoints")
    if len(numbers) > 2 * MOST_POINTS:
        raise TooLarge(f"{where} has {len(numbers) // 2} points; the most that is read is {MOST_POINTS}")
    percent = [min(max(as_number(n, where), -FARTHEST_PCT), FARTHEST_PCT) for n in numbers]
    points = zip(percent[::2], percent[1::2], strict=False)
    width = as_number(stroke.get("relativeStrokeWidth"), f"{where}.relativeStrokeWidth")
    return Stroke(
        tuple((x / 100 * size.width, y / 100 * size.height) for x, y in points),
        min(max(width, 0.0), 100.0) / 100 * size.width,
        stroke.get("type") == "eraser",
    )


def with_strokes(mask: BoolMask, strokes: list[Stroke]) -> BoolMask:
    """The mask with the strokes drawn into it, round at ends and corners. mask: [H, W] bool, not changed."""
    if not strokes:
        return mask
    canvas = np.ascontiguousarray(mask).view(np.uint8).copy()
    for stroke in strokes:
        if stroke.points:
            # Pixel centres lie half a pixel into the picture; a stroke of one point is a dot.
            points = np.array((*stroke.points, stroke.points[-1]))
            corners = np.rint((points - 0.5) * (1 << SHIFT)).astype(np.int32).reshape(-1, 1, 2)
            thickness = max(round(stroke.width_px), 1)
            cv2.polylines(canvas, [corners], False, 0 if stroke.erases else 1, thickness, cv2.LINE_8, SHIFT)
    return canvas.view(np.bool_)
