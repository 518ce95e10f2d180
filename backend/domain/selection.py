"""Frame selection of an import: all frames, every n-th, a range, or diverse ones.

Owns the syntax of `--select` and `--portion`. Refuses unknown syntax and a selection without frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend.domain.errors import InvalidInput
from backend.domain.video import FrameIndex

CHOICES = "all, every:N, diverse:N, or range:A-B"
DIVERSE_CANDIDATES = 512
"""The count of frames, spread over the portion, from which `diverse` chooses."""

DIVERSE_SEED = 0
"""A fixed seed: the same video and selection give the same frames."""


class SelectionKind(StrEnum):
    ALL = "all"
    EVERY = "every"
    DIVERSE = "diverse"
    RANGE = "range"


@dataclass(frozen=True, slots=True)
class Selection:
    """A parsed `--select`. number: the N of every and diverse. first, last: of a range, 0-based, inclusive."""

    kind: SelectionKind = SelectionKind.ALL
    number: int = 1
    first: int = 0
    last: int = 0

    def __str__(self) -> str:
        if self.kind is SelectionKind.ALL:
            return "all"
        return f"range:{self.first}-{self.last}" if self.kind is SelectionKind.RANGE else f"{self.kind}:{self.number}"

    def frames(self, frame_count: int, portion: Portion) -> tuple[FrameIndex, ...]:
        """The selected frames, ascending; for `diverse`, the candidates.

        Raises InvalidInput if the video has none of them.
        """
        start, stop = portion.of(frame_count)
        if self.kind is SelectionKind.RANGE:
            if self.last >= frame_count:
                raise InvalidInput(
                    f"--select {self} asks for frame {self.last}, but the video has {frame_count} frames "
                    f"(0 to {frame_count - 1})"
                )
            start, stop = max(start, self.first), min(stop, self.last + 1)
        step = self.number if self.kind is SelectionKind.EVERY else 1
        if self.kind is SelectionKind.DIVERSE:
            step = max(1, (stop - start) // max(DIVERSE_CANDIDATES, self.number))
        selected = tuple(FrameIndex(index) for index in range(start, stop, step))
        if not selected:
            raise InvalidInput(f"--select {self} and --portion {portion} leave no frame of {frame_count}")
        return selected


@dataclass(frozen=True, slots=True)
class Portion:
    """A part of a video, as shares of its length: 0.1 to 0.9 leaves out a tenth at each end."""

    start_rel: float = 0.0
    stop_rel: float = 1.0

    def __str__(self) -> str:
        return f"{self.start_rel:g}-{self.stop_rel:g}"

    def of(self, frame_count: int) -> tuple[int, int]:
        """The frame range (start, stop), half open."""
        return math.floor(self.start_rel * frame_count), math.ceil(self.stop_rel * frame_count)


def parse_selection(text: str) -> Selection:
    """Parse a `--select` value. Raises InvalidInput naming the choices."""
    kind, colon, rest = text.strip().partition(":")
    if kind == SelectionKind.ALL and not colon:
        return Selection()
    if kind in (SelectionKind.EVERY, SelectionKind.DIVERSE) and _is_number(rest) and int(rest) > 0:
        return Selection(SelectionKind(kind), number=int(rest))
    first, dash, last = rest.partition("-")
    if kind == SelectionKind.RANGE and dash and _is_number(first) and _is_number(last) and int(first) <= int(last):
        return Selection(SelectionKind.RANGE, first=int(first), last=int(last))
    raise InvalidInput(f"--select {text!r} is not known; there are {CHOICES}")


def parse_portion(text: str) -> Portion:
    """Parse a `--portion` value such as "0.1-0.9". Raises InvalidInput."""
    start, _, stop = text.partition("-")
    try:
        portion = Portion(float(start), float(stop))
    except ValueError:
        raise InvalidInput(f"--portion {text!r} must be two shares of the video's length, such as 0.1-0.9") from None
    if not 0.0 <= portion.start_rel < portion.stop_rel <= 1.0:
        raise InvalidInput(f"--portion {text!r} must lie within 0 to 1, the smaller share first")
    return portion


def range_text(frames: Sequence[int]) -> str:
    """Ascending frames as text: "0-9,12,20-24"."""
    ranges: list[list[int]] = []
    for frame in frames:
        if ranges and frame == ranges[-1][1] + 1:
            ranges[-1][1] = frame
        else:
            ranges.append([frame, frame])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in ranges)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 12
