"""COCO run lengths of masks; the only place that touches pycocotools.

pycocotools encodes. Decoding reads the counts here, for they come from outside: its C decoder trusts the counts and
writes past its buffer if they exceed the mask's size (and warns under NumPy 2).
"""

from __future__ import annotations

import numpy as np
from pycocotools import mask as coco_mask

from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask
from backend.domain.masklets import EncodedMask

MAX_PIXELS = 2**28
"""A mask larger than 16384x16384 is no video frame."""


class CocoCodec:
    """MaskCodec by pycocotools."""

    def encode(self, mask: BoolMask) -> EncodedMask:
        """mask: [H, W] bool."""
        return encode_mask(mask)

    def decode(self, encoded: EncodedMask) -> BoolMask:
        """[H, W] bool. Raises PromptError if the counts do not fit the shape."""
        return decode_mask(encoded)


def encode_mask(mask: BoolMask) -> EncodedMask:
    """mask: [H, W] bool. Raises ValueError for another number of axes."""
    if mask.ndim != 2:
        raise ValueError(f"a mask has two axes, height and width; got shape {mask.shape}")
    height, width = mask.shape
    column_major = np.asfortranarray(mask.astype(np.uint8, copy=False))  # [H, W]
    counts: bytes = coco_mask.encode(column_major)["counts"]
    return EncodedMask(height, width, counts.decode("ascii"))


def decode_mask(encoded: EncodedMask) -> BoolMask:
    """[H, W] bool. Raises PromptError if the counts do not fit the shape."""
    height, width = encoded.height, encoded.width
    runs = _checked_runs(encoded)
    values = np.arange(len(runs)) % 2 == 1  # runs alternate, beginning with background
    return np.ascontiguousarray(np.repeat(values, runs).reshape(width, height).T)  # column-major -> [H, W]


def require_counts(encoded: EncodedMask) -> int:
    """The number of the mask's pixels, if its counts fit its shape. Raises PromptError if they do not."""
    return sum(_checked_runs(encoded)[1::2])


def _checked_runs(encoded: EncodedMask) -> list[int]:
    height, width = encoded.height, encoded.width
    if not (height > 0 and width > 0 and height * width <= MAX_PIXELS):
        raise PromptError(f"a mask of {width}x{height} pixels cannot be decoded")
    runs = _run_lengths(encoded.counts)
    if sum(runs) != height * width:
        raise PromptError(f"the mask's run lengths do not add up to its size, {width}x{height}")
    return runs


def _run_lengths(counts: str) -> list[int]:
    """The run lengths behind compressed counts: base 32 with a continuation bit, from the third on as differences.

    Raises PromptError if they are not counts or if a run is negative.
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        digit = ord(character) - 48
        if not 0 <= digit < 64 or shift > 30:
            raise PromptError("the mask's run lengths are not COCO's compressed counts")
        value |= (digit & 0x1F) << shift
        shift += 5
        if digit & 0x20:
            continue
        if digit & 0x10:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        if runs[-1] < 0:
            raise PromptError("the mask's run lengths are not COCO's compressed counts")
        value = shift = 0
    if shift:
        raise PromptError("the mask's run lengths end in the middle of a number")
    return runs
