"""Coordinates and coordinate spaces.

Inside Masklet every coordinate is *relative*: 0..1 of the frame's width and height, origin top left.
Label Studio uses percent (0..100) and SAM 2 uses pixels; only their adapters convert.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import PromptError

BoolMask = NDArray[np.bool_]
"""One frame's mask, [H, W] bool."""

RgbFrame = NDArray[np.uint8]
"""One decoded frame, [H, W, 3] uint8, RGB."""


MAX_FRAME_PX = 2**26
"""Pixels of the largest frame that is opened; a larger mask is of no frame."""


@dataclass(frozen=True, slots=True)
class FrameSize:
    """Width and height of a frame in pixels, as displayed (after rotation)."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a frame size must be positive, not {self.width}x{self.height}")

    @property
    def pixels(self) -> int:
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Point:
    """A point in relative coordinates.

    Raises PromptError if a coordinate is not a finite number within 0..1.
    """

    x_rel: float
    y_rel: float

    def __post_init__(self) -> None:
        for name, value in (("x", self.x_rel), ("y", self.y_rel)):
            require_relative(name, value)

    def to_px(self, size: FrameSize) -> tuple[float, float]:
        """Pixel coordinates (x_px, y_px) in a frame of this size."""
        return self.x_rel * size.width, self.y_rel * size.height


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned box in relative coordinates, x0 < x1 and y0 < y1.

    Raises PromptError if a coordinate is outside 0..1 or the box has no area.
    """

    x0_rel: float
    y0_rel: float
    x1_rel: float
    y1_rel: float

    def __post_init__(self) -> None:
        for name in ("x0_rel", "y0_rel", "x1_rel", "y1_rel"):
            require_relative(name.removesuffix("_rel"), getattr(self, name))
        if self.x1_rel <= self.x0_rel or self.y1_rel <= self.y0_rel:
            raise PromptError(
                f"a box needs an area; got x {self.x0_rel:g}..{self.x1_rel:g}, y {self.y0_rel:g}..{self.y1_rel:g}"
            )

    def to_px(self, size: FrameSize) -> tuple[float, float, float, float]:
        """Pixel coordinates (x0_px, y0_px, x1_px, y1_px) in a frame of this size."""
        return (
            self.x0_rel * size.width,
            self.y0_rel * size.height,
            self.x1_rel * size.width,
            self.y1_rel * size.height,
        )

    @property
    def center(self) -> Point:
        return Point((self.x0_rel + self.x1_rel) / 2, (self.y0_rel + self.y1_rel) / 2)


def require_relative(name: str, value: float) -> None:
    """Raise PromptError unless value is a finite number in 0..1."""
    if not math.isfinite(value) or not 0.0 <= value <= 1.0:
        raise PromptError(f"coordinate {name} must lie within the frame (0..1), got {value!r}")


def box_of_mask(mask: BoolMask) -> Box | None:
    """The tight box around a mask, pixel-inclusive (a single pixel has a box of one pixel's size); None if empty.

    mask: [H, W] bool.
    """
    if not mask.any():
        return None
    height, width = mask.shape
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    return Box(
        float(columns[0]) / width,
        float(rows[0]) / height,
        float(columns[-1] + 1) / width,
        float(rows[-1] + 1) / height,
    )


def box_iou(first: Box | None, second: Box | None) -> float:
    """Intersection over union of two boxes; 1 if both are None, 0 if one is."""
    if first is None or second is None:
        return 1.0 if first is second else 0.0
    width = min(first.x1_rel, second.x1_rel) - max(first.x0_rel, second.x0_rel)
    height = min(first.y1_rel, second.y1_rel) - max(first.y0_rel, second.y0_rel)
    shared = max(width, 0.0) * max(height, 0.0)
    areas = ((box.x1_rel - box.x0_rel) * (box.y1_rel - box.y0_rel) for box in (first, second))
    return shared / (sum(areas) - shared)


def mask_iou(first: BoolMask, second: BoolMask) -> float:
    """Intersection over union of two masks of one shape; 1.0 if both are empty."""
    union = int(np.count_nonzero(first | second))
    if union == 0:
        return 1.0
    return int(np.count_nonzero(first & second)) / union
