"""Masks for the formats: COCO's JSON form, boxes in pixels, overlaps.

The source of the masks checked their counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from backend.codecs.coco_rle import area_px, box_px, decode_checked
from backend.domain.datasets import LabelledMask
from backend.domain.geometry import BoolMask, FrameSize
from backend.domain.masklets import EncodedMask


class CocoRle(TypedDict):
    """COCO's JSON form: size is [height, width], counts the compressed run lengths."""

    size: list[int]
    counts: str


@dataclass(frozen=True, slots=True)
class PixelBox:
    """A box in pixels: left and top edge from 0, pixel-inclusive width and height. Whole numbers for masks."""

    x: float
    y: float
    width: float
    height: float


def coco_rle(mask: EncodedMask) -> CocoRle:
    return {"size": [mask.height, mask.width], "counts": mask.counts}


def pixel_box(shown: LabelledMask, size: FrameSize) -> PixelBox:
    """The tight box around a present object's mask, or its box. Raises ValueError for an absent one."""
    if shown.mask is not None:
        return PixelBox(*box_px(shown.mask))
    if shown.box is None:
        raise ValueError(f"object {shown.item.number} is not in the frame")
    x0, y0, x1, y1 = shown.box.to_px(size)
    return PixelBox(round(x0, 3), round(y0, 3), round(x1 - x0, 3), round(y1 - y0, 3))


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """Masks that may overlap, as one map of object numbers.

    numbers: [H, W], 0 without an object, else the number of the object on top. shared_pixels: the number of pixels that
    belong to several objects.
    """

    numbers: NDArray[np.uint16]
    shared_pixels: int

    def of(self, number: int) -> BoolMask:
        """The visible part of an object. -> [H, W]"""
        visible: BoolMask = self.numbers == number
        return visible


def layered(objects: Sequence[LabelledMask], size: FrameSize) -> Layers:
    """Layers with the smaller mask on top; of masks of equal area, the first.

    A small object in front of a large one is the common case; a large one on top would hide it fully.
    """
    numbers = np.zeros((size.height, size.width), np.uint16)
    shared = np.zeros((size.height, size.width), np.bool_)
    masked = [(shown.item.number, shown.mask) for shown in objects if shown.mask is not None]
    for number, mask in sorted(masked, key=lambda entry: (-area_px(entry[1]), -entry[0])):
        pixels = decode_checked(mask)
        if len(masked) > 1:
            shared |= pixels & (numbers > 0)
        numbers[pixels] = number
    return Layers(numbers, int(np.count_nonzero(shared)))


@dataclass(slots=True)
class Overlaps:
    """The frames and pixels with overlaps, for the manifest."""

    frames: int = 0
    pixels: int = 0

    def add(self, layers: Layers) -> None:
        self.frames += layers.shared_pixels > 0
        self.pixels += layers.shared_pixels

    def notes(self) -> dict[str, object]:
        return {"overlapping": {"frames": self.frames, "pixels": self.pixels}}
