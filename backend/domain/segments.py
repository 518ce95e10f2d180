"""Segments: parts of a long video, each a task of its own.

Owns the cuts and the names of segments. Adjacent segments share `overlap` frames, so that the last masks of one segment
can be offered as prompts of the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from backend.domain.errors import InvalidInput

SHORTEST_SEGMENT = 2

NEEDS_PERSON = "person"
"""The beginning of a handover's stored result where a person has to prompt the segment; job and reason follow."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Positions start..stop-1 in a list of frames. number: 0-based, of `count` segments.

    shared: the count of frames at its start that are also the last ones of the previous segment; 0 for the first.
    """

    number: int
    count: int
    start: int
    stop: int
    shared: int = 0

    @property
    def length(self) -> int:
        return self.stop - self.start

    def name(self, of: str) -> str:
        """`clip.mp4 [02/14]`: names sort in segment order. A single segment keeps the plain name."""
        if self.count == 1:
            return of
        digits = len(str(self.count))
        return f"{of} [{self.number + 1:0{digits}d}/{self.count}]"


def cut(frame_count: int, *, length: int | None, overlap: int = 0) -> tuple[Segment, ...]:
    """The segments of a list of frames, in order; length None: one segment.

    All but the last have `length` frames. There is no last segment of shared frames only.
    Raises InvalidInput for an overlap that leaves a segment no frames of its own, or for no frames.
    """
    if frame_count < 1:
        raise InvalidInput("there are no frames to cut into segments")
    if overlap < 0:
        raise InvalidInput(f"--overlap must not be negative, got {overlap}")
    if length is None or frame_count <= length:
        return (Segment(0, 1, 0, frame_count),)
    if length < SHORTEST_SEGMENT or overlap >= length:
        raise InvalidInput(
            f"--segment {length} --overlap {overlap} leaves a segment no frames of its own; "
            f"--segment must be at least {SHORTEST_SEGMENT} and larger than --overlap"
        )
    step = length - overlap
    count = math.ceil((frame_count - overlap) / step)
    starts = [number * step for number in range(count)]
    return tuple(
        Segment(number, count, start, min(start + length, frame_count), overlap if number else 0)
        for number, start in enumerate(starts)
    )
