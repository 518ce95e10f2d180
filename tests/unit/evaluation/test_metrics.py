"""The statistics of an evaluation, on values computed by hand."""

import math

import numpy as np
import pytest

from backend.evaluation.metrics import auroc, deepest_pixel, largest_error, mean, ranks, spearman


def test_equal_values_share_their_rank() -> None:
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((4.0, 3.0, 2.0, 1.0), 1.0),
        ((1.0, 2.0, 3.0, 4.0), 0.0),
        ((1.0, 1.0, 1.0, 1.0), 0.5),
        ((4.0, 2.0, 3.0, 1.0), 0.75),
    ],
)
def test_auroc_counts_pairs_in_order(scores: tuple[float, ...], expected: float) -> None:
    assert auroc(scores, (True, True, False, False)) == expected


def test_auroc_of_one_kind_is_not_a_number() -> None:
    assert math.isnan(auroc((1.0, 2.0), (True, True)))


def test_spearman_sees_order_only() -> None:
    assert spearman((1.0, 2.0, 3.0), (1.0, 10.0, 1000.0)) == pytest.approx(1.0)
    assert spearman((1.0, 2.0, 3.0), (3.0, 2.0, 1.0)) == pytest.approx(-1.0)
    assert math.isnan(spearman((1.0, 1.0), (1.0, 2.0)))


def test_mean_of_nothing_is_not_a_number() -> None:
    assert mean([1.0, 2.0]) == 1.5
    assert math.isnan(mean([]))


def test_the_deepest_pixel_of_a_square_is_its_middle() -> None:
    mask = np.zeros((9, 9), np.bool_)
    mask[2:7, 3:8] = True
    assert deepest_pixel(mask) == (4, 5)


def test_the_deepest_pixel_of_a_ring_lies_on_the_ring() -> None:
    mask = np.ones((11, 11), np.bool_)
    mask[3:8, 3:8] = False
    assert mask[deepest_pixel(mask)]


def test_a_correction_goes_to_the_larger_error_with_its_polarity() -> None:
    truth = np.zeros((10, 20), np.bool_)
    truth[2:8, 2:8] = True
    too_much = truth.copy()
    too_much[1:9, 12:19] = True
    (row, column), positive = largest_error(too_much, truth)
    assert (positive, 1 <= row < 9, 12 <= column < 19) == (False, True, True)
    pixel, positive = largest_error(np.zeros_like(truth), truth)
    assert positive
    assert truth[pixel]
    pixel, positive = largest_error(truth, truth)
    assert positive
    assert truth[pixel]
