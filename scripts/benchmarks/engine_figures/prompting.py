"""Prompts of the figures: clicks, boxes and masks by object and frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.domain.geometry import BoolMask, Box, FrameSize, Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.video import FrameIndex, FrameRange


def prompt_set(prompts: Sequence[FramePrompt]) -> PromptSet:
    return PromptSet.of(prompts, {})


def clicked(name: str, frame: int, *points: tuple[float, float, bool]) -> FramePrompt:
    """Clicks: x and y relative to the frame, and whether each is positive."""
    given = tuple(PointPrompt(Point(x, y), positive) for x, y, positive in points)
    return FramePrompt(ObjectId(name), FrameIndex(frame), given)


def boxed(
    name: str, frame: int, *points: tuple[float, float, bool], box: tuple[float, float, float, float]
) -> FramePrompt:
    """A box (x0, y0, x1, y1, relative) with optional clicks."""
    given = tuple(PointPrompt(Point(x, y), positive) for x, y, positive in points)
    return FramePrompt(ObjectId(name), FrameIndex(frame), given, Box(*box))


def drawn(name: str, frame: int, size: FrameSize, *, centre: tuple[float, float] = (0.45, 0.5)) -> FramePrompt:
    """A mask prompt: a disc with a radius of a quarter of the frame's height; centre (x, y) relative."""
    return FramePrompt(ObjectId(name), FrameIndex(frame), mask=disc(size, centre))


def disc(size: FrameSize, centre: tuple[float, float]) -> BoolMask:
    rows, columns = np.mgrid[: size.height, : size.width]
    x, y = centre[0] * size.width, centre[1] * size.height
    return np.asarray(np.hypot(columns - x, rows - y) < size.height / 4)


def boxes(count: int, *, frame: int) -> PromptSet:
    """`count` objects, each with its own box on one frame."""
    step = 0.6 / max(count, 5)
    return prompt_set(
        [
            boxed(f"object {i}", frame, box=(0.1 + step * i, 0.2, 0.35 + step * i, 0.7 + 0.25 * i / max(count, 5)))
            for i in range(count)
        ]
    )


def whole(frame_count: int) -> FrameRange:
    return FrameRange(FrameIndex(0), FrameIndex(frame_count))
