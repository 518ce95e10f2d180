"""Masks as COCO's JSON files have them: compressed or uncompressed run lengths, or polygons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backend.adapters.media.data_sets.common import finite, require_shape, whole
from backend.codecs.coco_rle import decode_mask, decode_runs, fill_polygons
from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask, FrameSize
from backend.domain.masklets import EncodedMask

Corners = list[float]
"""x, y, ... in pixels; pixel 0 lies between 0 and 1."""


def mask_of(segmentation: object, own: FrameSize, size: FrameSize, place: str) -> BoolMask:
    """[H, W] bool. own: the size of the frame that polygons are of. size: the video's, for its aspect ratio.

    Raises PromptError naming the place.
    """
    if isinstance(segmentation, Mapping):
        sides = segmentation.get("size")
        if not isinstance(sides, list) or len(sides) != 2 or "counts" not in segmentation:
            raise PromptError(f"{place} must have size and counts")
        return mask_of_rle(sides[0], sides[1], segmentation["counts"], size, place)
    require_shape(own, size, place)
    try:
        return fill_polygons(polygons_of(segmentation, place), own.height, own.width)
    except PromptError as error:
        raise PromptError(f"{place}: {error}") from error


def mask_of_rle(height: object, width: object, counts: object, size: FrameSize, place: str) -> BoolMask:
    """COCO's run lengths as a mask, [H, W]: a text, or a list of whole numbers. size: the video's.

    Raises PromptError naming the place.
    """
    if not isinstance(counts, str | list):
        raise PromptError(f"{place}: the mask must be COCO's run lengths, as text or as a list of numbers")
    shape = FrameSize(whole(width, place), whole(height, place))
    require_shape(shape, size, place)
    try:
        if isinstance(counts, list):
            return decode_runs(counts, shape.height, shape.width)
        return decode_mask(EncodedMask(shape.height, shape.width, counts))
    except PromptError as error:
        raise PromptError(f"{place}: {error}") from error


def polygons_of(segmentation: object, place: str) -> list[Corners]:
    """Raises PromptError naming the place."""
    polygons = [each for each in segmentation if isinstance(each, list)] if isinstance(segmentation, list) else []
    if not isinstance(segmentation, list) or len(polygons) != len(segmentation):
        raise PromptError(f"{place} must be run lengths (size and counts) or a list of polygons, each a list of x, y")
    return [[finite(value, place) for value in polygon] for polygon in polygons]


def is_rectangle(polygons: Sequence[Corners]) -> bool:
    """Whether this is one upright rectangle: tools write it for a box, which nobody drew as an outline."""
    if len(polygons) != 1 or len(polygons[0]) not in (8, 10):
        return False
    xs, ys = polygons[0][0::2], polygons[0][1::2]
    closed = len(xs) == 4 or (xs[0], ys[0]) == (xs[4], ys[4])
    corners = set(zip(xs[:4], ys[:4], strict=True))
    return closed and corners == {(x, y) for x in (min(xs), max(xs)) for y in (min(ys), max(ys))} and len(corners) == 4
