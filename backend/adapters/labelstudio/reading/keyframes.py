"""Keyframes of a video region, and what Label Studio makes of them: where the box is at each of the page's numbers."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from backend.adapters.labelstudio.reading.fields import Json, as_flag, as_list, as_object, as_whole
from backend.adapters.labelstudio.reading.region_prompts import box_of_rectangle
from backend.adapters.labelstudio.reading.regions import MOST_FRAMES, ReadRegion
from backend.domain.errors import PromptError
from backend.domain.geometry import Box
from backend.domain.timeline import FrameClock
from backend.domain.video import FrameIndex


@dataclass(frozen=True, slots=True)
class HeldKeyframe:
    """A keyframe: the box at a frame number of the page, None if there is nothing to see; is_enabled: it holds on."""

    number: int
    box: Box | None
    is_enabled: bool


def keyframes_of(region: ReadRegion) -> list[HeldKeyframe]:
    """A region's keyframes, ascending. Raises MalformedRequest or PromptError naming the field."""
    where = f"{region.where}.value.sequence"
    entries = as_list(region.value.get("sequence"), where)
    stays = {}
    for position, entry in enumerate(entries):
        path = f"{where}[{position}]"
        keyframe = as_object(entry, path)
        number = as_whole(keyframe.get("frame"), f"{path}.frame", least=1, most=MOST_FRAMES)
        enabled = keyframe.get("enabled")
        is_enabled = enabled is None or as_flag(enabled, f"{path}.enabled")
        stays[number] = HeldKeyframe(number, _box(keyframe, path), is_enabled)
    return [stay for _, stay in sorted(stays.items())]


def _box(keyframe: Json, where: str) -> Box | None:
    try:
        return box_of_rectangle(keyframe, where, aspect=1.0)
    except PromptError:
        return None  # without area, or beyond the frame's edge: there is nothing to see


def box_at(stays: Sequence[HeldKeyframe], place: float) -> tuple[Box | None, bool]:
    """The box that Label Studio shows at a frame number, or between two, and whether a keyframe stands there.

    stays: ascending.
    """
    position = bisect_right(stays, place, key=lambda stay: stay.number) - 1
    if position < 0:
        return None, False
    before = stays[position]
    if before.number == place:
        return before.box, True
    if not before.is_enabled or before.box is None:
        return None, False
    if position + 1 == len(stays) or (after := stays[position + 1]).box is None:
        return before.box, False
    share = (place - before.number) / (after.number - before.number)
    both = zip(box_sides(before.box), box_sides(after.box), strict=True)
    return Box(*(first + (second - first) * share for first, second in both)), False


def frame_of_keyframe(stays: Sequence[HeldKeyframe], index: FrameIndex, clock: FrameClock | None) -> float:
    """Where on the page's count a frame is: at a keyframe, if one of its numbers has one.

    What the page counts past the picture's end, where sound goes on, is the last frame too.
    """
    if clock is None:
        return index + 1
    numbers = clock.numbers_of(index)
    position = bisect_left(stays, numbers.start, key=lambda stay: stay.number)
    is_last = index + 1 == len(clock.starts_us)
    if position < len(stays) and (is_last or stays[position].number in numbers):
        return stays[position].number
    return clock.place_of(index)


def box_sides(box: Box | None) -> tuple[float, float, float, float]:
    """Left, top, right, bottom, of a box that whoever asks knows to be there."""
    assert box is not None, "asked for before"
    return box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel
