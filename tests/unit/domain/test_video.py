"""Time is mapped to frames by floor; frames outside the video are refused."""

from __future__ import annotations

from fractions import Fraction

import pytest

from backend.domain.errors import PromptError
from backend.domain.geometry import FrameSize
from backend.domain.video import ContentHash, FrameIndex, FrameRange, VideoInfo, frame_at_time

TIMESTAMPS = [n * 1001 / 30000 for n in range(90)]


@pytest.mark.parametrize("index", [0, 1, 2, 29, 30, 59, 88, 89])
def test_a_frame_s_time_in_microseconds_is_that_frame(index: int) -> None:
    assert frame_at_time(TIMESTAMPS[index], TIMESTAMPS) == index
    assert frame_at_time(round(TIMESTAMPS[index], 6), TIMESTAMPS) == index


def test_a_time_between_two_frames_is_the_earlier() -> None:
    assert frame_at_time(TIMESTAMPS[4] + 0.030, TIMESTAMPS) == 4


def test_times_outside_the_video_are_clamped() -> None:
    assert frame_at_time(-1, TIMESTAMPS) == 0
    assert frame_at_time(1000, TIMESTAMPS) == 89


def test_a_frame_past_the_end_names_the_valid_range() -> None:
    info = VideoInfo(ContentHash("0" * 64), FrameSize(4, 4), 90, Fraction(30))
    assert info.require_frame(89) == 89
    with pytest.raises(PromptError, match=r"frame 90 is not in the video: it has 90 frames \(0 to 89\)"):
        info.require_frame(90)


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(PromptError):
        FrameRange(FrameIndex(3), FrameIndex(3))
