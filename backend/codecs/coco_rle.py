"""COCO RLE of masks. The only module that uses pycocotools.

pycocotools encodes masks and decodes counts that were checked. Its C decoder does not check counts: it writes past its
buffer if they exceed the mask's size. `decode_mask` decodes and `require_counts` checks counts from outside.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from backend.domain.errors import PromptError
from backend.domain.geometry import MAX_FRAME_PX, BoolMask, Box
from backend.domain.masklets import EncodedMask


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
    counts: bytes = coco.encode(_transposed(mask).T)["counts"]  # column-major
    return EncodedMask(height, width, counts.decode("ascii"))


def decode_mask(encoded: EncodedMask) -> BoolMask:
    """[H, W] bool. Raises PromptError if the counts do not fit the shape."""
    return _mask_of(_checked_runs(encoded), encoded.height, encoded.width)


def decode_runs(runs: Sequence[object], height: int, width: int) -> BoolMask:
    """[H, W] bool, from uncompressed run lengths. Raises PromptError if they do not fit the shape."""
    lengths = [run for run in runs if type(run) is int and run >= 0]
    if len(lengths) != len(runs):
        raise PromptError("the mask's run lengths are not whole numbers from 0")
    return _mask_of(_require_sum(lengths, height, width), height, width)


def fill_polygons(polygons: Sequence[Sequence[float]], height: int, width: int) -> BoolMask:
    """The union of polygons, [H, W] bool, as COCO's tools fill them. polygons: x, y, ... of the corners in pixels.

    A corner farther outside of the frame than four frames is moved to there.
    Raises PromptError for a polygon that is not a list of pairs, with three corners or more.
    """
    _require_shape(height, width)
    limits = np.array((width, height), np.float64) * 4
    corners = []
    for polygon in polygons:
        if len(polygon) < 6 or len(polygon) % 2:
            raise PromptError(f"a polygon has x and y of three corners or more; this has {len(polygon)} numbers")
        pairs = np.asarray(polygon, np.float64).reshape(-1, 2)
        corners.append(np.clip(pairs, -limits, limits).ravel().tolist())
    if not corners:
        return np.zeros((height, width), np.bool_)
    filled: NDArray[np.uint8] = coco.decode(coco.merge(coco.frPyObjects(corners, height, width)))
    return np.ascontiguousarray(filled).view(np.bool_)


def require_counts(encoded: EncodedMask) -> int:
    """The number of the mask's pixels. Raises PromptError if the counts do not fit the shape."""
    return sum(_checked_runs(encoded)[1::2])


def decode_checked(encoded: EncodedMask) -> BoolMask:
    """[H, W] bool, C order. Only for counts that Masklet made or checked: pycocotools does not check them."""
    return _transposed(coco.decode(_vendor(encoded)).T).view(np.bool_)


def area_px(encoded: EncodedMask) -> int:
    """The number of the mask's pixels, computed from its counts."""
    return int(coco.area(_vendor(encoded)))


def box_px(encoded: EncodedMask) -> tuple[int, int, int, int]:
    """x, y, width, height in pixels of the tight box, pixel-inclusive; all 0 for an empty mask."""
    x, y, width, height = coco.toBbox(_vendor(encoded)).tolist()
    return int(x), int(y), int(width), int(height)


def box_rel(encoded: EncodedMask) -> Box | None:
    """The tight box, pixel-inclusive, relative to the frame (0..1); None for an empty mask."""
    x, y, width, height = box_px(encoded)
    if width == 0 or height == 0:
        return None
    return Box(x / encoded.width, y / encoded.height, (x + width) / encoded.width, (y + height) / encoded.height)


def union(first: EncodedMask, second: EncodedMask) -> EncodedMask:
    """The union of two masks of the same size."""
    counts: bytes = coco.merge([_vendor(first), _vendor(second)])["counts"]
    return EncodedMask(first.height, first.width, counts.decode("ascii"))


def _transposed(pixels: BoolMask | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[A, B] of one byte each -> [B, A], both in C order. OpenCV's copy takes a fifth of NumPy's time."""
    import cv2  # not for commands that read no masks

    rows = np.ascontiguousarray(pixels).view(np.uint8)
    turned = cv2.transpose(rows) if rows.size else rows.reshape(rows.shape[::-1])
    return np.asarray(turned, np.uint8)


def _vendor(encoded: EncodedMask) -> dict[str, object]:
    return {"size": [encoded.height, encoded.width], "counts": encoded.counts.encode("ascii")}


def _checked_runs(encoded: EncodedMask) -> list[int]:
    _require_shape(encoded.height, encoded.width)
    return _require_sum(_run_lengths(encoded.counts), encoded.height, encoded.width)


def _require_shape(height: int, width: int) -> None:
    if not (height > 0 and width > 0 and height * width <= MAX_FRAME_PX):
        raise PromptError(f"a mask of {width}x{height} pixels cannot be decoded")


def _require_sum(runs: list[int], height: int, width: int) -> list[int]:
    _require_shape(height, width)
    if sum(runs) != height * width:
        raise PromptError(f"the mask's run lengths do not add up to its size, {width}x{height}")
    return runs


def _mask_of(runs: Sequence[int], height: int, width: int) -> BoolMask:
    values = np.arange(len(runs)) % 2 == 1  # runs alternate, beginning with background
    return np.ascontiguousarray(np.repeat(values, runs).reshape(width, height).T)  # column-major -> [H, W]


def _run_lengths(counts: str) -> list[int]:
    """The run lengths of compressed counts: base 32 with a continuation bit.

    From the third on, a count is the difference from the run length two before. Raises PromptError if the text is not
    compressed counts or if a run is negative.
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
