"""Label Studio's frame numbers and the frames shown: equal at equal rates for hours, by time at others."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.domain.errors import PromptError
from backend.domain.frame_times import FrameTimes
from backend.domain.geometry import FrameSize
from backend.domain.timeline import FrameClock, clock_of
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

HOURS = 4
RATES = {
    23.976: Fraction(24000, 1001),
    24.0: Fraction(24),
    25.0: Fraction(25),
    29.97: Fraction(30000, 1001),
    30.0: Fraction(30),
    60.0: Fraction(60),
}


def steady(rate: Fraction, count: int, framerate: float | None) -> FrameClock:
    return clock_of(VideoInfo(ContentHash(""), FrameSize(4, 4), count, rate), framerate)


def at(starts_ms: list[int], framerate: float, *, end_ms: int) -> FrameClock:
    """The clock of frames shown at these times."""
    times = FrameTimes.of(np.asarray(starts_ms, np.int64), Fraction(1, 1000), end=end_ms)
    info = VideoInfo(ContentHash(""), FrameSize(4, 4), len(starts_ms), Fraction(30), variable_rate=True, times=times)
    return clock_of(info, framerate)


@pytest.mark.parametrize("framerate", RATES)
def test_at_the_video_s_rate_number_n_is_frame_n_minus_1(framerate: float) -> None:
    count = int(HOURS * 3600 * RATES[framerate])
    clock = steady(RATES[framerate], count, framerate)
    spread = [*range(1, 500), *range(500, count, 9973), *range(count - 500, count + 1)]
    assert clock.count == count
    assert clock.unnumbered == 0
    assert [clock.index_of(number) for number in spread] == [number - 1 for number in spread]
    assert [clock.numbers_of(FrameIndex(number - 1)) for number in spread] == [range(n, n + 1) for n in spread]


@pytest.mark.parametrize("rate", RATES.values())
def test_without_a_rate_the_videos_own_counts(rate: Fraction) -> None:
    clock = steady(rate, 5000, None)
    assert [clock.index_of(number) for number in range(1, 5001)] == list(range(5000))


def test_times_rounded_to_milliseconds_change_no_number() -> None:
    starts_ms = [round(index * 1001 / 30) for index in range(3000)]
    clock = at(starts_ms, 29.97, end_ms=round(3000 * 1001 / 30))
    assert [clock.index_of(number) for number in range(1, 3001)] == list(range(3000))


def test_a_lower_rate_leaves_frames_without_a_number() -> None:
    clock = steady(Fraction(30), 30, 25)
    assert clock.count == 25
    shown = [clock.index_of(number) for number in range(1, 26)]
    assert shown == [(number - 1) * 30 // 25 for number in range(1, 26)]
    without = [index for index in range(30) if not clock.numbers_of(FrameIndex(index))]
    assert without == sorted(set(range(30)) - set(shown)) == [5, 11, 17, 23, 29]
    assert clock.unnumbered == 5
    assert clock.nearest(FrameIndex(5)) == 6
    assert clock.place_of(FrameIndex(5)) == pytest.approx(5 + 1 / 6, abs=1e-4)
    assert clock.nearest(FrameIndex(29)) == 25


def test_a_higher_rate_gives_a_frame_several_numbers() -> None:
    clock = steady(Fraction(24), 24, 60)
    assert clock.count == 60
    assert [list(clock.numbers_of(FrameIndex(index))) for index in range(3)] == [[1, 2, 3], [4, 5], [6, 7, 8]]
    assert clock.unnumbered == 0


def test_at_a_variable_rate_a_number_is_the_frame_at_its_time() -> None:
    clock = at([0, 10, 500, 530, 540], 10, end_ms=1000)
    # 0, 100, ... 900 ms, each two milliseconds late
    assert [clock.index_of(number) for number in range(1, 11)] == [0, 1, 1, 1, 1, 2, 4, 4, 4, 4]
    assert [list(clock.numbers_of(FrameIndex(i))) for i in range(5)] == [[1], [2, 3, 4, 5], [6], [], [7, 8, 9, 10]]
    assert clock.place_of(FrameIndex(3)) == pytest.approx(6.3, abs=1e-4)


def test_a_late_first_frame_is_shown_from_the_start() -> None:
    clock = at([400, 500, 600], 10, end_ms=700)
    assert [clock.index_of(number) for number in range(1, 8)] == [0, 0, 0, 0, 0, 1, 2]


def test_numbers_up_to_a_second_past_the_end_are_the_last_frame() -> None:
    clock = steady(Fraction(25), 50, 25)
    assert [clock.index_of(51), clock.index_of(75)] == [49, 49]
    with pytest.raises(PromptError, match="frame number 76 is not in the video: at 25 frames a second it has 50"):
        clock.index_of(76)
    with pytest.raises(PromptError, match="frame number 0 is not in the video"):
        clock.index_of(0)


def test_a_million_frames_are_counted_in_little_memory() -> None:
    clock = steady(Fraction(30), 1_000_000, 29.97)
    assert clock.starts_us.nbytes == 8_000_000
    # Near each of the thousand slips the page's grid of two milliseconds takes some frames twice and skips others.
    assert (clock.count, clock.unnumbered) == (999_000, 13_667)


starts = st.lists(st.integers(1, 400), min_size=1, max_size=60).map(lambda gaps: np.cumsum([0, *gaps]).tolist())
rates = st.one_of(st.sampled_from(sorted(RATES)), st.floats(1, 120))


@settings(max_examples=300)
@given(starts, rates, st.integers(0, 500))
def test_numbers_and_frames_agree_and_never_decrease(starts_ms: list[int], framerate: float, tail_ms: int) -> None:
    clock = at(starts_ms, framerate, end_ms=starts_ms[-1] + 1 + tail_ms)
    shown = [clock.index_of(number) for number in range(1, clock.count + 1)]
    assert shown == sorted(shown)
    by_frame = [clock.numbers_of(FrameIndex(index)) for index in range(len(starts_ms))]
    assert [n for numbers in by_frame for n in numbers] == list(range(1, clock.count + 1))
    assert all(clock.index_of(number) == index for index, numbers in enumerate(by_frame) for number in numbers)
    assert clock.unnumbered == sum(not numbers for numbers in by_frame)
    places = [clock.place_of(FrameIndex(index)) for index in range(len(starts_ms))]
    assert places == sorted(places)
    for index, numbers in enumerate(by_frame):
        assert 1 <= clock.nearest(FrameIndex(index)) <= clock.count
        if numbers:
            assert clock.place_of(FrameIndex(index)) == clock.nearest(FrameIndex(index)) == numbers.start
