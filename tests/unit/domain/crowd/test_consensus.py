"""Consensus of masks and boxes, adjudication, gold: small cases with exact answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from backend.domain.crowd.adjudication import Conflict, Disagreement, conflicts_of, spread, worst_first
from backend.domain.crowd.consensus import (
    Consensus,
    Statements,
    consensus_box,
    consensus_of,
    who_agrees,
    whose_boxes_agree,
)
from backend.domain.crowd.gold import GoldPolicy, compared_frames, copies_wanted, in_turn, wanted_share
from backend.domain.crowd.trust_agreement import right_over_time, right_probabilities
from backend.domain.geometry import BoolMask, Box, box_iou


def square(left: int, top: int, side: int) -> BoolMask:
    mask = np.zeros((40, 60), np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


def test_equal_trust_is_the_majority() -> None:
    found = consensus_of([square(10, 10, 12), square(11, 10, 12), square(12, 10, 12)], [0.9, 0.9, 0.9])
    assert found.mask is not None
    assert (found.mask == square(11, 10, 12)).all()
    assert found.uncertainty < 0.1


def test_one_who_is_trusted_stands_against_two_who_are_not() -> None:
    truth = square(10, 10, 12)
    found = consensus_of([square(30, 20, 12), square(31, 20, 12), truth], [0.2, 0.2, 0.98])
    assert found.mask is not None
    assert (found.mask == truth).all()
    assert found.right[2] > 0.8
    sure = consensus_of([truth, truth, truth], [0.9, 0.9, 0.9])
    assert found.uncertainty > sure.uncertainty


def test_presence_is_voted_before_pixels() -> None:
    absent = consensus_of([None, None, square(5, 5, 9)], [0.8, 0.8, 0.8])
    assert absent.mask is None
    assert 0.0 < absent.uncertainty < 0.5
    there = consensus_of([None, square(5, 5, 9), square(5, 5, 9)], [0.8, 0.8, 0.8])
    assert there.mask is not None
    empty = np.zeros((40, 60), np.bool_)
    assert consensus_of([empty, empty], [0.8, 0.8]).mask is None


def test_two_who_differ_are_uncertain() -> None:
    found = consensus_of([square(5, 5, 9), square(40, 20, 9)], [0.8, 0.8])
    assert found.uncertainty > 0.5


def test_the_consensus_of_many_counts_the_last_ones() -> None:
    found = consensus_of([None] * 3 + [square(5, 5, 9)] * 10, [0.8] * 13)
    assert found.mask is not None
    assert len(found.right) == 13


def test_boxes_have_the_median_of_their_sides() -> None:
    boxes = [Box(0.1, 0.1, 0.5, 0.5), Box(0.12, 0.1, 0.5, 0.52), Box(0.11, 0.1, 0.5, 0.51)]
    assert whose_boxes_agree(boxes).all()
    right = np.array([0.9, 0.9, 0.9])
    found, uncertainty = consensus_box(boxes, right, 0.01)
    assert found == Box(0.11, 0.1, 0.5, 0.51)
    assert uncertainty < 0.1
    assert consensus_box([None, None, boxes[0]], right, 0.01)[0] is None
    assert box_iou(None, None) == 1.0
    assert box_iou(boxes[0], None) == 0.0
    assert box_iou(Box(0.0, 0.0, 0.2, 0.1), Box(0.1, 0.0, 0.3, 0.1)) == pytest.approx(1 / 3)


def over_time(masks: Sequence[Sequence[BoolMask | None]], trust: Sequence[float]) -> list[Consensus]:
    """Of each frame, with the frames beside it. masks: by frame, then by person."""
    chances = right_over_time(np.array([who_agrees(each) for each in masks]), trust)
    said = [Statements(each, chances.right[at], float(chances.nobody[at])) for at, each in enumerate(masks)]
    return [each.consensus(said[max(at - 1, 0) : at] + said[at + 1 : at + 2]) for at, each in enumerate(said)]


def test_frames_beside_settle_pixels_on_which_two_people_differ() -> None:
    """The object moves by 3 pixels a frame. On the middle one two people's outlines differ."""
    alike = [[square(3 * at, 10, 12)] * 2 for at in range(3)]
    split = [alike[0], [square(3, 10, 12), square(3, 10, 13)], alike[2]]
    for order in (1, -1):
        found = over_time([each[::order] for each in split], [0.9, 0.9])[1]
        assert found.mask is not None
        assert (found.mask == square(3, 10, 12)).all()


def test_frames_beside_add_no_pixel_and_change_nothing_where_all_agree() -> None:
    shapes = [square(10, 10, 12), square(10, 10, 11), square(10, 10, 12)]
    found = over_time([[shape] * 3 for shape in shapes], [0.9, 0.9, 0.9])
    for each, shape in zip(found, shapes, strict=True):
        assert each.mask is not None
        assert (each.mask == shape).all()


def test_a_frame_on_which_the_object_is_elsewhere_says_nothing() -> None:
    here, there = square(0, 0, 6), square(30, 20, 14)
    found = over_time([[here] * 2, [there, square(30, 20, 15)], [None, None]], [0.95, 0.6])
    assert found[1].mask is not None
    assert (found[1].mask == there).all()
    assert found[2].mask is None


def test_who_was_wrong_before_is_believed_less() -> None:
    """Two people agree on all frames but the last; the third is astray. On the last frame all three differ."""
    truth, stray = square(10, 10, 12), square(40, 20, 12)
    agrees = np.array([who_agrees(each) for each in [[truth, truth, stray]] * 4 + [[truth, stray, None]]])
    trust = [0.7, 0.7, 0.7]
    alone, together = right_probabilities(agrees, trust).right[4], right_over_time(agrees, trust).right[4]
    assert alone[0] == pytest.approx(alone[2])
    assert together[0] > together[2] + 0.1
    assert right_over_time(agrees[:0], trust).right.shape == (0, 3)


def test_one_frame_has_the_same_probabilities_either_way() -> None:
    agrees = np.array([who_agrees([square(5, 5, 9), square(5, 5, 9), None])])
    alone, together = (each(agrees, [0.9, 0.6, 0.8]) for each in (right_probabilities, right_over_time))
    assert np.allclose(alone.right, together.right)
    assert np.allclose(alone.nobody, together.nobody)


NAN = float("nan")


@pytest.mark.parametrize(
    ("ious", "present", "wanted"),
    [
        ([0.9, 0.8, 0.85], [True, True, True], ()),
        ([0.9, 0.8, 0.7], [True, True, True], (Conflict.OVERLAP,)),
        ([0.9, 0.0, 0.0], [True, True, False], (Conflict.PRESENCE,)),
        ([0.0], [True, True], (Conflict.OVERLAP, Conflict.TWO)),
        ([0.0], [True, False], (Conflict.PRESENCE, Conflict.TWO)),
        ([NAN], [False, False], ()),
    ],
)
def test_conflicts_are_named(ious: list[float], present: list[bool], wanted: tuple[Conflict, ...]) -> None:
    assert conflicts_of(np.array(ious), np.array(present)) == wanted


def test_the_most_doubtful_frames_come_first_and_apart() -> None:
    conflict = (Conflict.OVERLAP,)
    listed = [
        Disagreement(0, 3, 0.5, conflict),
        Disagreement(0, 4, 0.9, conflict),
        Disagreement(0, 20, 0.4, conflict),
        Disagreement(0, 21, 0.05, conflict),
        Disagreement(0, 22, 0.9, ()),
    ]
    assert [each.frame_index for each in worst_first(listed)] == [4, 3, 20]
    assert [each.frame_index for each in spread(listed, apart=5)] == [4, 20]


def test_compared_frames_are_spread_and_inside() -> None:
    assert compared_frames(100, offset=0.0) == (0, 20, 40, 60, 80)
    assert compared_frames(100, offset=0.99) == (19, 39, 59, 79, 99)
    assert compared_frames(2, offset=0.9) == (0, 1)
    assert compared_frames(0, offset=0.9) == ()


def test_gold_is_topped_up_to_its_share() -> None:
    assert copies_wanted(90, 0, 0.1) == 10
    assert copies_wanted(90, 10, 0.1) == 0
    assert copies_wanted(90, 4, 0.1) == 6
    assert copies_wanted(90, 0, 0.0) == 0
    assert in_turn([2, 0, 1], 4) == [1, 1, 2, 0]
    assert in_turn([], 4) == []


def test_newcomers_meet_more() -> None:
    assert wanted_share([]) == 0.2
    assert wanted_share([100.0, 0.0]) == pytest.approx(0.15)
    with pytest.raises(ValueError, match="shares of gold"):
        GoldPolicy(share=0.9)
