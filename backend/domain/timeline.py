"""When each frame of a video is shown, and the numbers by which Label Studio's page counts frames.

The page knows no frames, only times: frame number n, counted from 1, is what its player shows at (n - 1) / framerate of
the tag, in steps of two milliseconds and two more. Where that rate is the file's own, number n is frame index n - 1.
Where it is not, or the file has no constant rate, a number stands for the frame shown at its time: several numbers may
stand for one frame, and a frame may have none.
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
"""The page seeks on a grid of this, and one step past the frame's start, so that rounding cannot hit the one before."""

SLACK_S = 1.0
"""How far past the picture's end the page may count: sound can be longer than the picture, which then stands still."""

_TIE_US = 1
"""A time this little before a frame's start counts as that frame: players keep times in microseconds, rounded."""

CLOCKS_KEPT = 8


@dataclass(frozen=True, eq=False)
class FrameClock:
    """Label Studio's frame numbers of one video, at one rate. Made by `clock_of`.

    starts_us: [N] int64, ascending: when each frame is shown, in microseconds on the player's clock. end_us: when the
    last one ends. rate: numbers a second.
    """

    starts_us: NDArray[np.int64]
    end_us: int
    rate: float

    @property
    def count(self) -> int:
        """How many numbers the page counts; as many as frames where the rates agree."""
        return max(_js_round(self.end_us / 1e6 * self.rate), 1)

    def index_of(self, number: int) -> FrameIndex:
        """The frame shown at a number. Raises PromptError for one that is well past the end, or below 1."""
        if not 1 <= number <= self.count + math.ceil(SLACK_S * self.rate):
            raise PromptError(
                f"frame number {number} is not in the video: at {self.rate:g} frames a second it has {self.count}"
            )
        seek_us = int(_seeks_us(np.asarray([number], np.int64), self.rate)[0])
        shown = int(np.searchsorted(self.starts_us, seek_us + _TIE_US, side="right")) - 1
        return FrameIndex(max(shown, 0))

    def numbers_of(self, index: FrameIndex) -> range:
        """The numbers at which a frame is shown; empty if it is shown between two of them and never at one."""
        return range(self.first_from(index), self.last_to(index) + 1)

    def first_from(self, index: FrameIndex) -> int:
        """The first number at which this frame, or a later one, is shown; may be one past the last number."""
        return int(self._firsts[index])

    def last_to(self, index: FrameIndex) -> int:
        """The last number at which this frame, or an earlier one, is shown; 0 if the page steps over all of them."""
        return int(self._firsts[index + 1]) - 1

    def nearest(self, index: FrameIndex) -> int:
        """The first number of a frame, or, of one that has none, that at which the picture after it is shown."""
        return min(self.first_from(index), self.count)

    def place_of(self, index: FrameIndex) -> float:
        """Where a frame is on the page's count: its first number, or a place between two if it has none."""
        first = self.first_from(index)
        if first in self.numbers_of(index):
            return float(first)
        return min(max(int(self.starts_us[index]) / 1e6 * self.rate + 1, first - 1), float(first))

    @cached_property
    def unnumbered(self) -> int:
        """How many frames have no number, because the page steps over them."""
        return int((np.diff(self._firsts) == 0).sum())

    @cached_property
    def _firsts(self) -> NDArray[np.int64]:
        """[N + 1] int64, ascending: `first_from` of each frame, and one past the last number."""
        starts_us = self.starts_us - _TIE_US
        # No number is shown farther past its time than this, so these are too low, and soon high enough.
        numbers = np.floor((starts_us / 1e6 - 2 * PAGE_STEP_S) * self.rate).astype(np.int64)
        numbers[0] = 1
        numbers = np.maximum(numbers, 1)
        while (late := _seeks_us(numbers[1:], self.rate) < starts_us[1:]).any():
            numbers[1:] += late
        return np.append(np.minimum(numbers, self.count + 1), self.count + 1)


def clock_of(info: VideoInfo, framerate: float | None) -> FrameClock:
    """framerate: the tag's; None takes the video's own. A video whose times are not known is taken as steady."""
    times = info.times or FrameTimes.steady(info.frame_rate, info.frame_count)
    return _clock(times, framerate or float(info.frame_rate))


@lru_cache(maxsize=CLOCKS_KEPT)
def _clock(times: FrameTimes, rate: float) -> FrameClock:
    return FrameClock(times.starts_us, times.end_us, rate)


def _seeks_us(numbers: NDArray[np.int64], rate: float) -> NDArray[np.int64]:
    """Where the page's player stands to show numbers, in microseconds; in the page's own floating point."""
    seconds = np.floor((numbers - 1) / rate / PAGE_STEP_S + 0.5) * PAGE_STEP_S + PAGE_STEP_S
    return np.rint(seconds * 1e6).astype(np.int64)


def _js_round(value: float) -> int:
    return math.floor(value + 0.5)
