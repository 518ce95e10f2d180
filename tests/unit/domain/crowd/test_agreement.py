"""Agreement on one object: matching, J, F, presence, worst frames. Reference figures by other means."""

from __future__ import annotations

from itertools import permutations

import cv2
import numpy as np
import pytest

from backend.domain.crowd.agreement import (
    ObjectAgreement,
    figures,
    presence_alpha,
    worst_frames,
)
from backend.domain.crowd.agreement_boundaries import boundary_f, dilated, edge_of
from backend.domain.crowd.agreement_matching import best_matching


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 5), (5, 2), (4, 4)])
def test_the_matching_has_the_highest_sum_of_all(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape)
    for _ in range(20):
        gains = rng.random(shape).round(1)
        small = min(shape)
        best = max(
            sum(gains[row, column] if shape[0] <= shape[1] else gains[column, row] for row, column in enumerate(order))
            for order in permutations(range(max(shape)), small)
        )
        found = best_matching(gains)
        assert sum(gains[pair] for pair in found) == pytest.approx(best)
        assert len({row for row, _ in found}) == len({column for _, column in found}) == len(found)
        assert all(gains[pair] > 0 for pair in found)


def test_greedy_matching_would_lose() -> None:
    """The highest gain first leaves 0.9 + 0; the best is 0.8 + 0.7."""
    assert best_matching(np.array([[0.9, 0.8], [0.7, 0.0]])) == [(0, 1), (1, 0)]


def test_nothing_is_matched_with_nothing() -> None:
    assert best_matching(np.zeros((0, 3))) == []
    assert best_matching(np.zeros((2, 2))) == []


def test_boundaries_are_those_of_a_dilation_by_a_disc() -> None:
    rng = np.random.default_rng(0)
    mask = cv2.blur(rng.random((40, 60)), (9, 9)) > 0.5
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) > 0
    assert (edge_of(mask) == (mask & ~inner)).all()
    for radius in (1, 2, 5):
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        assert (dilated(edge_of(mask), radius) == (cv2.dilate(edge_of(mask).astype(np.uint8), disc) > 0)).all()


def test_f_of_a_shifted_mask_falls_with_the_distance() -> None:
    mask = np.zeros((100, 100), np.bool_)
    mask[30:70, 30:70] = True
    found = [boundary_f(np.roll(mask, shift, axis=1), mask) for shift in (0, 1, 3, 8)]
    assert found[:2] == [1.0, 1.0]
    assert 1.0 > found[2] > found[3] > 0.0
    assert boundary_f(np.zeros_like(mask), mask) == 0.0


def agreement(ious: list[list[float]], present: list[list[bool]]) -> ObjectAgreement:
    iou = np.array(ious)
    return ObjectAgreement("Cat", tuple(range(len(ious))), iou, iou / 2, np.array(present))


NAN = float("nan")
THREE = agreement(
    [[0.9, 0.8, 0.7], [0.9, 0.0, 0.0], [NAN, NAN, NAN]],
    [[True, True, True], [True, True, False], [False, False, False]],
)


def test_figures_keep_presence_apart() -> None:
    found = figures([THREE])
    assert found.j == pytest.approx((0.9 + 0.8 + 0.7 + 0.9) / 4)
    assert found.f == pytest.approx((0.9 + 0.8 + 0.7 + 0.9) / 8)
    assert found.overall == pytest.approx((0.9 + 0.8 + 0.7 + 0.9) / 6)
    assert found.worst_decile == 0.0
    assert found.presence == pytest.approx(7 / 9)
    assert found.pairs == 6
    of_pair = figures([THREE], 0)
    assert of_pair.j == pytest.approx(0.9)
    assert (of_pair.presence, of_pair.pairs) == (1.0, 2)


def test_without_people_there_are_no_figures() -> None:
    assert figures([]).document() == {
        "j": None, "f": None, "overall": None, "worst_decile": None, "presence": None, "pairs": 0
    }  # fmt: skip


def test_alpha_of_presence() -> None:
    # Units (3,0), (2,1), (0,3): observed 2*2*1/2 = 2 of 9 values; expected 5*4*2/(9*8).
    assert presence_alpha([THREE]) == pytest.approx(1 - (2 / 9) / (40 / 72))
    always = agreement([[0.9], [0.9]], [[True, True], [True, True]])
    assert presence_alpha([always]) is None
    assert presence_alpha([]) is None


def test_worst_frames_are_named_with_their_conflict() -> None:
    first, second = worst_frames([THREE], 5)
    assert [first.overall, second.overall] == pytest.approx([0.3, 0.8])
    assert (first.frame_index, first.has_presence_conflict) == (1, True)
    assert (second.frame_index, second.has_presence_conflict) == (0, False)


def test_two_without_a_mask_agree() -> None:
    agrees = THREE.agrees
    assert agrees[0].tolist() == [[True, True, True], [True, True, False], [True, False, True]]
    assert agrees[2].all()
