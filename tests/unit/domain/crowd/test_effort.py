"""The rule of active time, and the sums of effort."""

from __future__ import annotations

import pytest

from backend.domain.crowd.effort import IDLE_S, Effort, ObjectSize, active_s, size_of


@pytest.mark.parametrize(
    ("before_s", "now_s", "seconds"),
    [
        (None, 100.0, 0.0),
        (100.0, 110.0, 10.0),
        (100.0, 100.0 + IDLE_S, IDLE_S),
        (100.0, 100.1 + IDLE_S, 0.0),
        (100.0, 100.0, 0.0),
        (100.0, 90.0, 0.0),
    ],
)
def test_a_gap_between_beats_counts_up_to_the_idle_time(before_s: float | None, now_s: float, seconds: float) -> None:
    assert active_s(before_s, now_s) == seconds


@pytest.mark.parametrize(
    ("area_px", "size"),
    [
        (None, ObjectSize.UNKNOWN),
        (0.0, ObjectSize.UNKNOWN),
        (1023.9, ObjectSize.SMALL),
        (1024.0, ObjectSize.MEDIUM),
        (9215.9, ObjectSize.MEDIUM),
        (9216.0, ObjectSize.LARGE),
    ],
)
def test_sizes_are_split_at_32_and_96_pixels(area_px: float | None, size: ObjectSize) -> None:
    assert size_of(area_px) is size


def test_figures_are_of_sums_and_not_of_means() -> None:
    total = Effort.sum([Effort(1, 6, 2, 0, 10, 30.0), Effort(1, 2, 2, 1, 10, 10.0)])
    assert total == Effort(2, 8, 4, 1, 20, 40.0)
    assert (total.clicks_per_clicked_frame, total.edited_frames, total.edited_share) == (2.0, 5, 0.25)
    assert total.seconds_per_frame == 2.0


def test_without_observations_there_are_no_figures() -> None:
    nothing = Effort()
    assert nothing.clicks_per_clicked_frame is nothing.edited_share is nothing.seconds_per_frame is None
    assert Effort(frames=10).seconds_per_frame is None, "no time was recorded, which is not no time"
