"""Brush and eraser strokes of drafts, drawn into their region's mask.

A draft holds the mask before the strokes and the strokes as `touches`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.adapters.labelstudio.reading.fields import as_list, as_number, as_object
from backend.domain.errors import TooLarge
from backend.domain.geometry import BoolMask, FrameSize

MAX_STROKES = 10_000
MAX_POINTS = 100_000
MAX_DISTANCE_PCT = 1_000.0
SHIFT = 4
"""Fractional bits of drawn coordinates: a sixteenth of a pixel."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One stroke, in pixels. points: x, y pairs; erases: whether it clears the mask."""

    points: tuple[tuple[float, float], ...]
    width_px: float
    erases: bool


def strokes_of(value: object, where: str, size: FrameSize) -> list[Stroke]:
    """The strokes of a region, in drawing order; empty for None. Points come in percent of the frame.

    Raises MalformedRequest naming the field, TooLarge above MAX_STROKES strokes or MAX_POINTS points.
    """
    if value is None:
        return []
    entries = as_list(value, where)
    if len(entries) > MAX_STROKES:
        raise TooLarge(f"{where} has {len(entries)} strokes; the most that is read is {MAX_STROKES}")
    return [_stroke(entry, f"{where}[{position}]", size) for position, entry in enumerate(entries)]


def _stroke(entry: object, where: str, size: FrameSize) -> Stroke:
    stroke = as_object(entry, where)
    numbers = as_list(stroke.get("relativePoints"), f"{where}.relativePoints")
    if len(numbers) > 2 * MAX_POINTS:
        raise TooLarge(f"{where} has {len(numbers) // 2} points; the most that is read is {MAX_POINTS}")
    percent = [min(max(as_number(n, where), -MAX_DISTANCE_PCT), MAX_DISTANCE_PCT) for n in numbers]
    points = zip(percent[::2], percent[1::2], strict=False)
    width = as_number(stroke.get("relativeStrokeWidth"), f"{where}.relativeStrokeWidth")
    return Stroke(
        tuple((x / 100 * size.width, y / 100 * size.height) for x, y in points),
        min(max(width, 0.0), 100.0) / 100 * size.width,
        stroke.get("type") == "eraser",
    )


def with_strokes(mask: BoolMask, strokes: list[Stroke]) -> BoolMask:
    """The mask with the strokes drawn into it, round at ends and corners: [H, W] bool. mask: [H, W] bool, unchanged."""
    if not strokes:
        return mask
    pixels = np.ascontiguousarray(mask).view(np.uint8).copy()
    for stroke in strokes:
        if stroke.points:
            # Pixel centres lie at half pixels. The repeated last point makes a dot of a single point.
            points = np.array((*stroke.points, stroke.points[-1]))
            corners = np.rint((points - 0.5) * (1 << SHIFT)).astype(np.int32).reshape(-1, 1, 2)
            thickness = max(round(stroke.width_px), 1)
            cv2.polylines(pixels, [corners], False, 0 if stroke.erases else 1, thickness, cv2.LINE_8, SHIFT)
    return pixels.view(np.bool_)
