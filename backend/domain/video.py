"""Frame indices, ranges and times of one video.

A frame index is 0-based, in presentation order, over the frames that decode. Label Studio's frame *number* is
1-based and counts time; `timeline` owns the mapping and adapters/labelstudio applies it.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import NewType

from backend.domain.errors import PromptError
from backend.domain.frame_times import FrameTimes
from backend.domain.geometry import FrameSize

FrameIndex = NewType("FrameIndex", int)
"""0-based position of a frame in presentation order."""

ContentHash = NewType("ContentHash", str)
"""SHA-256, hex, of a media file's bytes (of the page hashes in order, for a task made of pages)."""


class Direction(StrEnum):
    """The direction of a propagation in time."""

    FORWARD = "forward"
    BACKWARD = "backward"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The properties of a probed video.

    frame_count: the count of frames that decode, not the header's. frame_rate: the average, in frames per second.
    rotation: the applied display rotation. truncated: the file ended early, and the decoded prefix is used. times: the
    start of each frame; None if unknown, as for pages.
    """

    content_hash: ContentHash
    size: FrameSize
    frame_count: int
    frame_rate: Fraction
    variable_rate: bool = False
    rotation: int = 0
    truncated: bool = False
    times: FrameTimes | None = None

    def require_frame(self, frame_index: int) -> FrameIndex:
        """The frame index. Raises PromptError naming the valid range if the video does not have that frame."""
        if not 0 <= frame_index < self.frame_count:
            raise PromptError(
                f"frame {frame_index} is not in the video: it has {self.frame_count} frames "
                f"(0 to {self.frame_count - 1})"
            )
        return FrameIndex(frame_index)


@dataclass(frozen=True, slots=True)
class FrameRange:
    """Frames start..stop-1, 0-based, half open."""

    start: FrameIndex
    stop: FrameIndex

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise PromptError(f"a frame range needs 0 <= start < stop, got {self.start}..{self.stop}")

    def __len__(self) -> int:
        return self.stop - self.start

    def __contains__(self, frame_index: int) -> bool:
        return self.start <= frame_index < self.stop


def frame_at_time(time_s: float, timestamps_s: Sequence[float]) -> FrameIndex:
    """The frame shown at a time: the last one whose timestamp is not after it (floor), clamped to the video.

    A time within a microsecond below a frame's start means that frame, because browsers round times.
    timestamps_s: presentation times in seconds, ascending, one per frame.
    Raises ValueError without timestamps.
    """
    if not timestamps_s:
        raise ValueError("a video without frames has no frame at any time")
    position = bisect.bisect_right(timestamps_s, time_s + 1e-6) - 1
    return FrameIndex(min(max(position, 0), len(timestamps_s) - 1))
