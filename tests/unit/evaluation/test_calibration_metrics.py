"""Figures of a score against failure, on values small enough for a check by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.evaluation.calibration_metrics import (
    area_under_precision,
    area_under_risk,
    area_under_roc,
    brier,
    calibration_error,
    clip_interval,
    mean_interval,
    ratio_interval,
    spearman_within,
)

SCORES = np.array([0.9, 0.8, 0.2, 0.1])
FAILED = np.array([True, False, True, False])


def test_roc_counts_pairs_in_order() -> None:
    assert area_under_roc(SCORES, FAILED) == 0.75


def test_average_precision_is_the_mean_at_each_failure() -> None:
    assert area_under_precision(SCORES, FAILED) == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert np.isnan(area_under_precision(SCORES, np.zeros(4, np.bool_)))


def test_risk_is_the_mean_failure_rate_of_kept_frames() -> None:
    assert area_under_risk(SCORES, FAILED) == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)


def test_calibration_error_is_the_gap_of_each_bin() -> None:
    assert calibration_error(SCORES, FAILED, bins=2) == pytest.approx((abs(0.15 - 0.5) + abs(0.85 - 0.5)) / 2)
    perfect = np.array([0.0, 1.0])
    assert calibration_error(perfect, np.array([False, True]), bins=2) == 0.0


def test_brier_is_the_squared_distance() -> None:
    assert brier(np.array([0.5, 1.0]), np.array([True, True])) == 0.125


def test_correlation_excludes_constant_groups() -> None:
    scores, losses = np.array([1.0, 2.0, 5.0, 5.0]), np.array([3.0, 4.0, 1.0, 2.0])
    assert spearman_within(scores, losses, np.array([0, 0, 1, 1])) == pytest.approx(1.0)


def test_an_interval_draws_whole_clips() -> None:
    clip = np.array([0, 0, 0, 1])
    sizes: set[int] = set()

    def frame_count(at: NDArray[np.intp]) -> float:
        sizes.add(len(at))
        return float(len(at))

    low, high = clip_interval(frame_count, clip, draws=50)
    assert sizes == {2, 4, 6}
    assert (low, high) == (2.0, 6.0)


def test_the_interval_of_a_constant_has_no_width() -> None:
    assert mean_interval(np.full(5, 0.25)) == (0.25, 0.25)


def test_a_ratio_of_means() -> None:
    above, below = np.array([0.0, 3.0]), np.array([1.0, 3.0])
    low, high = ratio_interval(above, below)
    assert (low, high) == (0.0, 1.0)
    assert ratio_interval(above, np.full(2, 2.0)) == (0.0, 1.5)
