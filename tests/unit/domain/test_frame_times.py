"""Frame times are exact in any unit, and packed into few bytes at a steady rate."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from backend.domain.frame_times import FrameTimes

LATE = FrameTimes.of(np.asarray([20, 21, 25], np.int64), Fraction(1, 30), end=26)


def test_times_are_those_of_a_players_clock() -> None:
    assert len(LATE) == 3
    assert LATE.starts.tolist() == [20, 21, 25]
    assert LATE.starts_us.tolist() == [666_667, 700_000, 833_333]
    assert LATE.end_us == 866_667
    assert LATE.seconds() == (20 / 30, 0.7, 25 / 30)


def test_a_day_in_nanoseconds_does_not_overflow() -> None:
    day_ns = 24 * 3600 * 10**9
    times = FrameTimes.of(np.asarray([0, day_ns], np.int64), Fraction(1, 10**9), end=day_ns + 1)
    assert times.starts_us.tolist() == [0, day_ns // 1000]


@pytest.mark.parametrize(
    "times", [LATE, FrameTimes.steady(Fraction(30000, 1001), 500), FrameTimes(Fraction(1), b"", 0)]
)
def test_packed_times_are_unpacked_unchanged(times: FrameTimes) -> None:
    assert FrameTimes.unpacked(times.packed()) == times


def test_a_million_steady_frames_pack_into_few_bytes() -> None:
    assert len(FrameTimes.steady(Fraction(24000, 1001), 1_000_000).packed()) < 64 * 1024


@pytest.mark.parametrize("text", ["", "1/30 5", "1/0 5 x", "1/30 5 ~~", "1/30 x 0", "a b c d"])
def test_invalid_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        FrameTimes.unpacked(text)
