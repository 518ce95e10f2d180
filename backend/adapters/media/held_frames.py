"""All frames of a stream in order: one that does not decode shows the last good picture before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from av.video.frame import VideoFrame

from backend.adapters.media.packet_times import FrameTags, PacketTimes, Times, without_guessed


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame's picture. time_s: its time in seconds; None if the container has none. is_held: of an earlier frame."""

    picture: VideoFrame
    time_s: float | None
    is_held: bool = False


def frames_with_held(
    frames: Iterable[VideoFrame], times: PacketTimes | None, time_base: Fraction | None
) -> Iterator[Shown]:
    """The frames from the first that decodes on. frames: those that decode. times: of all; None: no others are known.

    time_base: the unit of all times, in seconds. The end of a file that was cut short has no frames after the last that
    decodes.
    """
    tick_s = float(time_base or 0)
    if times is None:
        for frame in frames:
            yield Shown(frame, None if frame.pts is None or not tick_s else frame.pts * tick_s)
        return
    tags, picture, position = FrameTags(times.tags), None, 0
    keys, _ = tags.keys_from(times.key_tags, times.key_seeks)
    known = ((found, frame) for frame in frames if (found := tags.index_of(frame.pts)) is not None)
    for found, frame in without_guessed(known, set(keys.tolist()), is_unchecked=times.is_unchecked):
        if found < position:
            continue
        if picture is not None:
            yield from _held(picture, times.pts[position:found], tick_s)
        yield Shown(frame, int(times.pts[found]) * tick_s)
        picture, position = frame, found + 1
    if picture is not None and not times.ends_early:
        yield from _held(picture, times.pts[position:], tick_s)


def _held(picture: VideoFrame, pts: Times, tick_s: float) -> Iterator[Shown]:
    for each in pts:
        yield Shown(picture, float(each) * tick_s, is_held=True)
