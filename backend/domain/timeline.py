"""Label Studio's frame numbers, mapped to frame indices.

Label Studio's page counts time, not frames: frame number n, 1-based, is the frame that its player shows at
(n - 1) / framerate of the tag, rounded to two milliseconds, plus two milliseconds. If that rate is the file's own,
number n is frame index n - 1. Otherwise, or for a variable frame rate, a number means the frame shown at its time: one
frame may have several numbers or none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import PromptError
from backend.domain.frame_times import FrameTimes
from backend.domain.video import FrameIndex, VideoInfo

PAGE_STEP_S = 0.002
"""The grid of the page's seeks. A seek goes one step past the frame's start, so that rounding stays in the frame."""

SLACK_S = 1.0
"""How far past the last frame the page may count: longer sound shows the last frame until it ends."""

_TIE_US = 1
"""A time at most this long before a frame's start means that frame: players round times to microseconds."""

CLOCKS_KEPT = 8


@dataclass(frozen=True, eq=False)
class FrameClock:
    """Label Studio's frame numbers of one video, at one rate. Made by `clock_of`.

    starts_us: [N] int64, ascending, the start of each frame in microseconds on the player's clock. end_us: the end of
    the last one. rate: numbers per second.
    """

    starts_us: NDArray[np.int64]
    end_us: int
    rate: float

    @property
    def count(self) -> int:
        """The page's count of frame numbers; the frame count if the rates agree."""
        return max(_js_round(self.end_us / 1e6 * self.rate), 1)

    def index_of(self, number: int) -> FrameIndex:
        """The frame shown at a number. Raises PromptError below 1, or more than SLACK_S past the end."""
        if not 1 <= number <= self.count + math.ceil(SLACK_S * self.rate):
            raise PromptError(
                f"frame number {number} is not in the video: at {self.rate:g} frames a second it has {self.count}"
            )
        seek_us = int(_seeks_us(np.asarray([number], np.int64), self.rate)[0])
        index = int(np.searchsorted(self.starts_us, seek_us + _TIE_US, side="right")) - 1
        return FrameIndex(max(index, 0))

    def numbers_of(self, index: FrameIndex) -> range:
        """The numbers of a frame; empty if the page steps over it."""
        return range(self.first_from(index), self.last_to(index) + 1)

    def first_from(self, index: FrameIndex) -> int:
        """The first number of this frame or a later one; may be one past the last number."""
        return int(self._firsts[index])

    def last_to(self, index: FrameIndex) -> int:
        """The last number of this frame or an earlier one; 0 if the page steps over all of them."""
        return int(self._firsts[index + 1]) - 1

    def nearest(self, index: FrameIndex) -> int:
        """The first number of a frame; for a frame without a number, that of the next frame with one."""
        return min(self.first_from(index), self.count)

    def place_of(self, index: FrameIndex) -> float:
        """A frame's position in the page's count: its first number, or a fraction between two if it has none."""
        first = self.first_from(index)
        if first in self.numbers_of(index):
            return float(first)
        return min(max(int(self.starts_us[index]) / 1e6 * self.rate + 1, first - 1), float(first))

    @cached_property
    def unnumbered(self) -> int:
        """The count of frames without a number."""
        return int((np.diff(self._firsts) == 0).sum())

    @cached_property
    def _firsts(self) -> NDArray[np.int64]:
        """[N + 1] int64, ascending: `first_from` of each frame, and one past the last number."""
        starts_us = self.starts_us - _TIE_US
        # A seek is at most 2 * PAGE_STEP_S past its number's time: these are lower bounds, a few steps too low at most.
        numbers = np.floor((starts_us / 1e6 - 2 * PAGE_STEP_S) * self.rate).astype(np.int64)
        numbers[0] = 1
        numbers = np.maximum(numbers, 1)
        while (late := _seeks_us(numbers[1:], self.rate) < starts_us[1:]).any():
            numbers[1:] += late
        return np.append(np.minimum(numbers, self.count + 1), self.count + 1)


def clock_of(info: VideoInfo, framerate: float | None) -> FrameClock:
    """The clock of a video. framerate: the tag's; None: the video's own. Unknown times mean a constant frame rate."""
    times = info.times or FrameTimes.steady(info.frame_rate, info.frame_count)
    return _clock(times, framerate or float(info.frame_rate))


@lru_cache(maxsize=CLOCKS_KEPT)
def _clock(times: FrameTimes, rate: float) -> FrameClock:
    return FrameClock(times.starts_us, times.end_us, rate)


def _seeks_us(numbers: NDArray[np.int64], rate: float) -> NDArray[np.int64]:
    """The page's seek time of each number, in microseconds, computed in the page's own floating point."""
    seconds = np.floor((numbers - 1) / rate / PAGE_STEP_S + 0.5) * PAGE_STEP_S + PAGE_STEP_S
    return np.rint(seconds * 1e6).astype(np.int64)


def _js_round(value: float) -> int:
    return math.floor(value + 0.5)
