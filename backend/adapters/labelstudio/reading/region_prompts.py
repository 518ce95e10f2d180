"""Prompts of a region, by kind: percent to relative (0..1), the page's 1-based frame numbers to 0-based indices."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import cast

import numpy as np

from backend.adapters.labelstudio.config.label_config import ControlKind
from backend.adapters.labelstudio.mask_forms.brush_rle import decode_rle
from backend.adapters.labelstudio.mask_forms.masks import Polygon, mask_of_png, mask_of_polygons
from backend.adapters.labelstudio.reading.brush_strokes import strokes_of, with_strokes
from backend.adapters.labelstudio.reading.fields import (
    Json,
    as_flag,
    as_list,
    as_number,
    as_object,
    as_percent,
    as_text,
    as_whole,
)
from backend.adapters.labelstudio.reading.regions import MAX_FRAMES, ReadRegion
from backend.domain.errors import PromptError, TooLarge
from backend.domain.geometry import BoolMask, Box, Point
from backend.domain.prompts import FramePrompt, PointPrompt
from backend.domain.timeline import FrameClock
from backend.domain.video import FrameIndex

MAX_KEYFRAMES = 200_000
MAX_CORNERS = 100_000
MAX_DISTANCE_PCT = 1_000.0
"""Largest coordinate, percent of the frame. Label Studio lets a box extend beyond the frame; farther is an error."""


def prompts_of_region(region: ReadRegion, clock: FrameClock | None = None) -> Iterator[FramePrompt]:
    """A region's prompts; none for a polygon without a pixel. Raises PromptError, MalformedRequest or TooLarge.

    clock: the page's frame clock; None for pages, and where number n (1-based) is frame index n - 1. A frame with
    several numbers may have several prompts.
    """
    reader = _VIDEO_READERS.get(region.kind)
    return _READERS[region.kind](region) if reader is None else reader(region, clock)


def _keypoint(region: ReadRegion) -> Iterator[FramePrompt]:
    point = Point(
        as_percent(region.value.get("x"), f"{region.where}.value.x"),
        as_percent(region.value.get("y"), f"{region.where}.value.y"),
    )
    # The page writes the polarity beside the value, some scripts inside it.
    for holder, field in ((region.item, "is_positive"), (region.value, "positive")):
        if holder.get(field) is not None:
            positive = as_flag(holder[field], f"{region.where}.{field}")
            break
    else:
        positive = True
    yield FramePrompt(region.object_id, region.page, points=(PointPrompt(point, positive),))


def _rectangle(region: ReadRegion) -> Iterator[FramePrompt]:
    aspect = region.size.width / region.size.height if "original_width" in region.item else 1.0
    box = box_of_rectangle(region.value, f"{region.where}.value", aspect=aspect)
    yield FramePrompt(region.object_id, region.page, box=box)


def _video_rectangle(region: ReadRegion, clock: FrameClock | None) -> Iterator[FramePrompt]:
    for where, frame_index, keyframe in _keyframes(region, clock):
        # A video region has no frame size: a rotated box is computed on a square frame.
        yield FramePrompt(region.object_id, frame_index, box=box_of_rectangle(keyframe, where, aspect=1.0))


def _video_vector(region: ReadRegion, clock: FrameClock | None) -> Iterator[FramePrompt]:
    for where, frame_index, keyframe in _keyframes(region, clock):
        corners = as_list(keyframe.get("vertices"), f"{where}.vertices")
        _require_countable(len(corners), f"{where}.vertices")
        polygon = [
            _corner(as_object(c, f"{where}.vertices[{i}]"), f"{where}.vertices[{i}]") for i, c in enumerate(corners)
        ]
        if len(polygon) < 2:
            raise PromptError(f"{where} needs at least two vertices, got {len(polygon)}")
        if "original_width" in region.item and len(polygon) > 2:
            mask = mask_of_polygons([polygon], region.size)
            yield FramePrompt(region.object_id, frame_index, mask=mask)
        else:
            yield FramePrompt(region.object_id, frame_index, box=_hull(polygon, where))


def _brush(region: ReadRegion) -> Iterator[FramePrompt]:
    if region.value.get("format", "rle") != "rle":
        raise PromptError(f"{region.where}.value.format must be 'rle', not {region.value['format']!r}")
    touches = strokes_of(region.value.get("touches"), f"{region.where}.value.touches", region.size)
    if touches and region.value.get("rle") is None:
        return _drawn(region, with_strokes(np.zeros((region.size.height, region.size.width), np.bool_), touches))
    rle = as_list(region.value.get("rle"), f"{region.where}.value.rle")
    # At most eight bits per byte and six per record of one byte: a longer stream is not of this image.
    if len(rle) > 16 + region.size.pixels * 8:
        raise TooLarge(f"{region.where}.value.rle has {len(rle)} bytes, more than its image can need")
    return _drawn(region, with_strokes(decode_rle(cast(list[int], rle), region.size), touches))


def _bitmask(region: ReadRegion) -> Iterator[FramePrompt]:
    address = as_text(region.value.get("imageDataURL"), f"{region.where}.value.imageDataURL", longest=1 << 26)
    return _drawn(region, mask_of_png(address, region.size))


def _polygon(region: ReadRegion) -> Iterator[FramePrompt]:
    points = as_list(region.value.get("points"), f"{region.where}.value.points")
    _require_countable(len(points), f"{region.where}.value.points")
    if len(points) < 3:
        raise PromptError(f"{region.where}.value.points needs at least three points, got {len(points)}")
    polygon: Polygon = []
    for position, entry in enumerate(points):
        where = f"{region.where}.value.points[{position}]"
        pair = as_list(entry, where)
        if len(pair) != 2:
            raise PromptError(f"{where} must be a pair of x and y")
        polygon.append((_relative_of_percent(pair[0], where), _relative_of_percent(pair[1], where)))
    mask = mask_of_polygons([polygon], region.size)
    return _drawn(region, mask) if mask.any() else iter(())


def _drawn(region: ReadRegion, mask: BoolMask) -> Iterator[FramePrompt]:
    """The prompt of a mask; an empty one says that the object is absent."""
    yield FramePrompt(region.object_id, region.page, mask=mask)


def frames_switched_off(region: ReadRegion, clock: FrameClock | None) -> frozenset[FrameIndex]:
    """The 0-based frames of a video region's keyframes with `enabled: false`."""
    return frozenset(index for _, index, keyframe in _all_keyframes(region, clock) if not keyframe.get("enabled", True))


def _keyframes(region: ReadRegion, clock: FrameClock | None) -> list[tuple[str, FrameIndex, Json]]:
    """The keyframes that locate the object.

    Label Studio shows the box up to a keyframe with `enabled: false`, whose position a person may never have checked.
    Such a keyframe counts only if the region has no other.
    """
    keyframes = _all_keyframes(region, clock)
    enabled = [entry for entry in keyframes if entry[2].get("enabled", True)]
    return enabled or keyframes


def _all_keyframes(region: ReadRegion, clock: FrameClock | None) -> list[tuple[str, FrameIndex, Json]]:
    """(path, 0-based frame index, keyframe) of a video region's keyframes."""
    where = f"{region.where}.value.sequence"
    entries = as_list(region.value.get("sequence"), where)
    if len(entries) > MAX_KEYFRAMES:
        raise TooLarge(f"{where} has {len(entries)} keyframes; the most that is read is {MAX_KEYFRAMES}")
    keyframes = []
    for position, entry in enumerate(entries):
        path = f"{where}[{position}]"
        keyframe = as_object(entry, path)
        number = as_whole(keyframe.get("frame"), f"{path}.frame", least=1, most=MAX_FRAMES)
        keyframes.append((path, FrameIndex(number - 1) if clock is None else clock.index_of(number), keyframe))
    return keyframes


def box_of_rectangle(value: Json, where: str, *, aspect: float) -> Box:
    """The upright box, relative (0..1), around a rectangle that may be rotated and extend beyond the frame.

    value: x, y, width, height in percent of the frame and rotation in degrees, clockwise around the top left corner.
    aspect: the frame's width over its height; the rotation is in pixels, not in percent.
    Raises PromptError if nothing of it lies within the frame.
    """
    x, y = _relative_of_percent(value.get("x"), f"{where}.x"), _relative_of_percent(value.get("y"), f"{where}.y")
    width = _relative_of_percent(value.get("width"), f"{where}.width")
    height = _relative_of_percent(value.get("height"), f"{where}.height")
    if width <= 0 or height <= 0:
        raise PromptError(f"{where} has no area: width {width * 100:g}, height {height * 100:g} percent")
    rotation = as_number(value.get("rotation") or 0, f"{where}.rotation")
    if rotation % 360 == 0:
        return _hull([(x, y), (x + width, y + height)], where)
    cosine, sine = math.cos(math.radians(rotation)), math.sin(math.radians(rotation))
    corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)]
    return _hull([(x + a * cosine - b * sine / aspect, y + a * sine * aspect + b * cosine) for a, b in corners], where)


def _hull(corners: Polygon, where: str) -> Box:
    """The upright box around relative points, clipped to the frame. Raises PromptError if it is empty."""
    xs = [min(max(x, 0.0), 1.0) for x, _ in corners]
    ys = [min(max(y, 0.0), 1.0) for _, y in corners]
    if min(xs) >= max(xs) or min(ys) >= max(ys):
        raise PromptError(f"{where}: nothing of it lies within the frame (0 to 100 percent)")
    return Box(min(xs), min(ys), max(xs), max(ys))


def _corner(vertex: Json, where: str) -> tuple[float, float]:
    return _relative_of_percent(vertex.get("x"), f"{where}.x"), _relative_of_percent(vertex.get("y"), f"{where}.y")


def _relative_of_percent(value: object, where: str) -> float:
    """Percent of the frame as relative; may be outside the frame, up to MAX_DISTANCE_PCT."""
    number = as_number(value, where)
    if abs(number) > MAX_DISTANCE_PCT:
        raise PromptError(f"{where} must lie in or near the frame (0 to 100 percent), got {number:g}")
    return number / 100.0


def _require_countable(count: int, where: str) -> None:
    if count > MAX_CORNERS:
        raise TooLarge(f"{where} has {count} points; the most that is read is {MAX_CORNERS}")


_READERS: dict[ControlKind, Callable[[ReadRegion], Iterator[FramePrompt]]] = {
    ControlKind.KEYPOINT: _keypoint,
    ControlKind.RECTANGLE: _rectangle,
    ControlKind.BRUSH: _brush,
    ControlKind.BITMASK: _bitmask,
    ControlKind.POLYGON: _polygon,
}

_VIDEO_READERS: dict[ControlKind, Callable[[ReadRegion, FrameClock | None], Iterator[FramePrompt]]] = {
    ControlKind.VIDEO_RECTANGLE: _video_rectangle,
    ControlKind.VIDEO_VECTOR: _video_vector,
    ControlKind.VIDEO_VECTOR_LABELS: _video_vector,
}
