"""Keyframes of a video region, and the box that Label Studio shows at each of the page's frame numbers."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from backend.adapters.labelstudio.reading.fields import Json, as_flag, as_list, as_object, as_whole
from backend.adapters.labelstudio.reading.region_prompts import box_of_rectangle
from backend.adapters.labelstudio.reading.regions import MAX_FRAMES, ReadRegion
from backend.domain.errors import PromptError
from backend.domain.geometry import Box
from backend.domain.timeline import FrameClock
from backend.domain.video import FrameIndex


@dataclass(frozen=True, slots=True)
class VideoKeyframe:
    """A keyframe. number: the page's, 1-based. box: relative, 0..1; None if nothing is visible.

    is_enabled: whether the box stays visible after the keyframe.
    """

    number: int
    box: Box | None
    is_enabled: bool


def keyframes_of(region: ReadRegion) -> list[VideoKeyframe]:
    """A region's keyframes, ascending. Raises MalformedRequest or PromptError naming the field."""
    where = f"{region.where}.value.sequence"
    entries = as_list(region.value.get("sequence"), where)
    by_number = {}
    for position, entry in enumerate(entries):
        path = f"{where}[{position}]"
        keyframe = as_object(entry, path)
        number = as_whole(keyframe.get("frame"), f"{path}.frame", least=1, most=MAX_FRAMES)
        enabled = keyframe.get("enabled")
        is_enabled = enabled is None or as_flag(enabled, f"{path}.enabled")
        by_number[number] = VideoKeyframe(number, _box(keyframe, path), is_enabled)
    return [keyframe for _, keyframe in sorted(by_number.items())]


def _box(keyframe: Json, where: str) -> Box | None:
    try:
        return box_of_rectangle(keyframe, where, aspect=1.0)
    except PromptError:
        return None  # without area, or outside the frame


def box_at(keyframes: Sequence[VideoKeyframe], position_in_page: float) -> tuple[Box | None, bool]:
    """The box that Label Studio shows at a frame number, or between two, and whether a keyframe is there.

    The box is interpolated linearly between keyframes. keyframes: ascending. position_in_page: 1-based.
    """
    position = bisect_right(keyframes, position_in_page, key=lambda keyframe: keyframe.number) - 1
    if position < 0:
        return None, False
    before = keyframes[position]
    if before.number == position_in_page:
        return before.box, True
    if not before.is_enabled or before.box is None:
        return None, False
    if position + 1 == len(keyframes) or (after := keyframes[position + 1]).box is None:
        return before.box, False
    share = (position_in_page - before.number) / (after.number - before.number)
    both = zip(box_sides(before.box), box_sides(after.box), strict=True)
    return Box(*(first + (second - first) * share for first, second in both)), False


def frame_of_keyframe(keyframes: Sequence[VideoKeyframe], index: FrameIndex, clock: FrameClock | None) -> float:
    """A frame's 1-based position in the page's count; that of a keyframe, if one of its numbers has one.

    index: 0-based. Numbers past the end of the picture, where sound goes on, belong to the last frame too.
    """
    if clock is None:
        return index + 1
    numbers = clock.numbers_of(index)
    position = bisect_left(keyframes, numbers.start, key=lambda keyframe: keyframe.number)
    is_last = index + 1 == len(clock.starts_us)
    if position < len(keyframes) and (is_last or keyframes[position].number in numbers):
        return keyframes[position].number
    return clock.place_of(index)


def box_sides(box: Box | None) -> tuple[float, float, float, float]:
    """Left, top, right, bottom, relative. box must not be None."""
    assert box is not None, "checked by the caller"
    return box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel
