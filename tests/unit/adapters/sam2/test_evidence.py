"""Evidence from logits: small values, exact numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from backend.adapters.sam2.evidence import Judged, judge, resized_mask, upscaled_masks, with_mask
from backend.adapters.sam2.state import Decoded
from backend.domain.geometry import Box, FrameSize, Point

SIZE = FrameSize(4, 4)


def decoded(raw: list[list[float]], *, presence: float = 5.0, ious: tuple[float, ...] = (0.75, 0.5)) -> Decoded:
    logits = torch.tensor([[raw]])
    gated = logits if presence > 0 else torch.full_like(logits, -1024.0)
    return Decoded(gated, logits, torch.tensor([ious]), torch.zeros(1, 2), torch.tensor([[presence]]))


def judged(raw: list[list[float]], *, presence: float = 5.0) -> Judged:
    (only,) = judge(decoded(raw, presence=presence), SIZE)
    return only


TWO_BLOBS = [
    [9.0, -9.0, -9.0, 0.5],
    [9.0, -9.0, -9.0, 0.5],
    [-9.0, -9.0, -9.0, -9.0],
    [-0.5, -0.5, -9.0, -9.0],
]


def test_shape_numbers() -> None:
    evidence = judged(TWO_BLOBS).evidence
    assert evidence.area_rel == 4 / 16
    assert evidence.components == 2
    assert evidence.box == Box(0.0, 0.0, 1.0, 0.5)
    assert evidence.centroid == Point(0.5, 0.25)


def test_stability_is_the_share_that_is_sure() -> None:
    assert judged(TWO_BLOBS).evidence.stability == pytest.approx(2 / 6)


def test_soft_iou_by_hand() -> None:
    def p(logit: float) -> float:
        return 1 / (1 + math.exp(-logit))

    inside = 2 * p(9.0) + 2 * p(0.5)
    union = 4 + 2 * p(-0.5) + 10 * p(-9.0)
    assert judged(TWO_BLOBS).evidence.soft_iou == pytest.approx(inside / union, rel=1e-5)


def test_predicted_ious_and_presence_are_passed_on() -> None:
    evidence = judged(TWO_BLOBS).evidence
    assert evidence.predicted_ious == (0.75, 0.5)
    assert evidence.presence_logit == 5.0


def test_an_absent_object_has_no_mask_but_its_evidence() -> None:
    absent = judged(TWO_BLOBS, presence=-3.0)
    assert not absent.mask.any()
    evidence = absent.evidence
    assert (evidence.area_rel, evidence.components, evidence.box, evidence.centroid) == (0.0, 0, None, None)
    assert evidence.stability == judged(TWO_BLOBS).evidence.stability


def test_stability_of_nothing_is_one() -> None:
    assert judged([[-9.0] * 4] * 4).evidence.stability == 1.0


def test_diagonal_neighbours_are_one_component() -> None:
    assert judged([[9.0, -9.0, -9.0, -9.0], [-9.0, 9.0, -9.0, -9.0], *([[-9.0] * 4] * 2)]).evidence.components == 1


def test_masks_are_brought_to_the_videos_size_before_the_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.tensor([[[[1.0, -3.0]]], [[[3.0, -1.0]]]])
    masks = upscaled_masks(logits, FrameSize(4, 1))
    # Bilinear between the two: 1, 0, -2, -3 and 3, 2, 0, -1.
    assert [mask.tolist() for mask in masks] == [[[True, False, False, False]], [[True, True, False, False]]]
    monkeypatch.setattr("backend.adapters.sam2.evidence._UPSCALED_PX_AT_ONCE", 1)
    assert all(np.array_equal(a, b) for a, b in zip(upscaled_masks(logits, FrameSize(4, 1)), masks, strict=True))


def test_a_persons_mask_replaces_shape_but_not_belief() -> None:
    mask = np.zeros((4, 4), bool)
    mask[3, 3] = True
    before = judged(TWO_BLOBS)
    after = with_mask(before, mask).evidence
    assert (after.area_rel, after.components, after.box) == (1 / 16, 1, Box(0.75, 0.75, 1.0, 1.0))
    assert (after.stability, after.soft_iou) == (before.evidence.stability, before.evidence.soft_iou)


def test_resizing_a_mask_repeats_or_drops_whole_pixels() -> None:
    mask = np.array([[True, False], [False, True]])
    assert resized_mask(mask, FrameSize(4, 2)).tolist() == [[True, True, False, False], [False, False, True, True]]
    assert resized_mask(mask, FrameSize(2, 2)) is mask
