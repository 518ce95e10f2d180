"""Evidence from small logits, with exact values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from backend.adapters.sam2.evidence import MaskWithEvidence, finalize, reduce, resized_mask, upscaled_masks, with_mask
from backend.adapters.sam2.model.tensors import Decoded, ImageFeatures
from backend.domain.geometry import Box, FrameSize, Point

SIZE = FrameSize(4, 4)


def decoded(
    raw: list[list[float]],
    *,
    presence: float = 5.0,
    ious: tuple[float, ...] = (0.75, 0.5),
    candidates: torch.Tensor | None = None,
) -> Decoded:
    logits = torch.tensor([[raw]])
    gated = logits if presence > 0 else torch.full_like(logits, -1024.0)
    return Decoded(
        logits=gated,
        raw=logits,
        candidates=logits if candidates is None else candidates,
        predicted_ious=torch.tensor([ious]),
        pointer=torch.zeros(1, 2),
        presence=torch.tensor([[presence]]),
    )


def features(coarse: torch.Tensor | None = None) -> ImageFeatures:
    """Features [1, 2, 1, 1] of ones, or the given ones."""
    return ImageFeatures((torch.ones(1, 2, 1, 1) if coarse is None else coarse,))


def finalized(raw: list[list[float]], *, presence: float = 5.0) -> MaskWithEvidence:
    (only,) = finalize([reduce(decoded(raw, presence=presence), features())], SIZE)
    return only


TWO_BLOBS = [
    [9.0, -9.0, -9.0, 0.5],
    [9.0, -9.0, -9.0, 0.5],
    [-9.0, -9.0, -9.0, -9.0],
    [-0.5, -0.5, -9.0, -9.0],
]


def test_shape_numbers() -> None:
    evidence = finalized(TWO_BLOBS).evidence
    assert evidence.area_rel == 4 / 16
    assert evidence.components == 2
    assert evidence.box == Box(0.0, 0.0, 1.0, 0.5)
    assert evidence.centroid == Point(0.5, 0.25)


def test_stability_is_the_share_above_the_margin() -> None:
    assert finalized(TWO_BLOBS).evidence.stability == pytest.approx(2 / 6)


def test_soft_iou_by_hand() -> None:
    def p(logit: float) -> float:
        return 1 / (1 + math.exp(-logit))

    inside = 2 * p(9.0) + 2 * p(0.5)
    union = 4 + 2 * p(-0.5) + 10 * p(-9.0)
    assert finalized(TWO_BLOBS).evidence.soft_iou == pytest.approx(inside / union, rel=1e-5)


def test_predicted_ious_and_presence_are_passed_on() -> None:
    evidence = finalized(TWO_BLOBS).evidence
    assert evidence.predicted_ious == (0.75, 0.5)
    assert evidence.presence_logit == 5.0


def test_an_absent_object_has_no_mask_but_its_evidence() -> None:
    absent = finalized(TWO_BLOBS, presence=-3.0)
    assert not absent.mask.any()
    evidence = absent.evidence
    assert (evidence.area_rel, evidence.components, evidence.box, evidence.centroid) == (0.0, 0, None, None)
    assert evidence.stability == finalized(TWO_BLOBS).evidence.stability


def test_stability_of_nothing_is_one() -> None:
    assert finalized([[-9.0] * 4] * 4).evidence.stability == 1.0


def test_diagonal_neighbours_are_one_component() -> None:
    assert finalized([[9.0, -9.0, -9.0, -9.0], [-9.0, 9.0, -9.0, -9.0], *([[-9.0] * 4] * 2)]).evidence.components == 1


def test_logits_are_upscaled_before_the_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.tensor([[[[1.0, -3.0]]], [[[3.0, -1.0]]]])
    masks = upscaled_masks(logits, FrameSize(4, 1))
    # Bilinear between the two: 1, 0, -2, -3 and 3, 2, 0, -1.
    assert [mask.tolist() for mask in masks] == [[[True, False, False, False]], [[True, True, False, False]]]
    monkeypatch.setattr("backend.adapters.sam2.evidence._UPSCALED_PX_AT_ONCE", 1)
    assert all(np.array_equal(a, b) for a, b in zip(upscaled_masks(logits, FrameSize(4, 1)), masks, strict=True))


def test_a_persons_mask_replaces_the_shape_only() -> None:
    mask = np.zeros((4, 4), bool)
    mask[3, 3] = True
    before = finalized(TWO_BLOBS)
    after = with_mask(before, mask).evidence
    assert (after.area_rel, after.components, after.box) == (1 / 16, 1, Box(0.75, 0.75, 1.0, 1.0))
    assert (after.stability, after.soft_iou) == (before.evidence.stability, before.evidence.soft_iou)


def test_resizing_a_mask_repeats_or_drops_whole_pixels() -> None:
    mask = np.array([[True, False], [False, True]])
    assert resized_mask(mask, FrameSize(4, 2)).tolist() == [[True, True, False, False], [False, False, True, True]]
    assert resized_mask(mask, FrameSize(2, 2)) is mask


def bits(logit: float) -> float:
    p = 1 / (1 + math.exp(-logit))
    return -(p * math.log2(p) + (1 - p) * math.log2(1 - p))


def test_boundary_entropy_is_the_mean_over_the_boundary_band() -> None:
    rows = [[4.0, 2.0, -0.5, -1.0, -3.0, -9.0]] * 6
    got = finalize([reduce(decoded(rows), features())], FrameSize(6, 6))[0].evidence.boundary_entropy
    # The edge is between the second and third columns: the band is two pixels on each side.
    assert got == pytest.approx(sum(bits(logit) for logit in (4.0, 2.0, -0.5, -1.0)) / 4, rel=1e-5)


def test_a_mask_without_an_edge_has_no_boundary_entropy() -> None:
    assert finalized([[-0.1] * 4] * 4).evidence.boundary_entropy == 0.0
    assert finalized([[0.1] * 4] * 4).evidence.boundary_entropy == 0.0


def test_disagreement_is_one_minus_the_mean_iou_of_the_pairs() -> None:
    left, upper, empty = torch.full((3, 4, 4), -5.0).unbind()
    left[:, :2] = 5.0
    upper[:2] = 5.0

    def disagreement(*masks: torch.Tensor, presence: float = 5.0) -> float:
        given = decoded(TWO_BLOBS, presence=presence, candidates=torch.stack(masks)[None])
        return finalize([reduce(given, features())], SIZE)[0].evidence.candidate_disagreement

    assert disagreement(left, upper) == pytest.approx(1 - 4 / 12)
    assert disagreement(left, left, upper) == pytest.approx(1 - (1 + 2 * 4 / 12) / 3)
    assert disagreement(left, upper, presence=-9.0) == disagreement(left, upper)
    assert disagreement(empty, empty) == 0.0
    assert disagreement(left) == 0.0


def embedding(coarse: torch.Tensor, raw: list[list[float]]) -> torch.Tensor:
    (only,) = finalize([reduce(decoded(raw), features(coarse))], SIZE)
    return torch.tensor(only.evidence.embedding)


def test_the_embedding_is_that_of_the_features_under_the_mask() -> None:
    # Four coarse cells; the mask covers the first row of them.
    coarse = torch.randn(1, 256, 2, 2, generator=torch.Generator().manual_seed(0))
    upper = [[50.0] * 4] * 2 + [[-50.0] * 4] * 2
    lower = upper[::-1]
    elsewhere = coarse.clone()
    elsewhere[:, :, 1] = 7.0
    assert len(embedding(coarse, upper)) == 32
    assert float(embedding(coarse, upper).norm()) == pytest.approx(1, abs=1e-4)
    assert torch.equal(embedding(coarse, upper), embedding(elsewhere, upper))
    assert torch.equal(embedding(coarse * 3, upper), embedding(coarse, upper))
    mean = coarse[0, :, 0].mean(dim=1)[None, :, None, None].expand(-1, -1, 2, 2)
    assert torch.allclose(embedding(mean, lower), embedding(coarse, upper), atol=2e-5)
    assert float(embedding(coarse, upper) @ embedding(coarse, lower)) < 0.6


def test_the_embedding_is_the_same_in_every_process() -> None:
    coarse = torch.arange(128, dtype=torch.float32).view(1, 128, 1, 1)
    assert embedding(coarse, [[50.0] * 4] * 4)[:3].tolist() == pytest.approx([0.0293, 0.0989, -0.1626], abs=1e-4)


def test_objects_with_and_without_candidates_in_one_batch() -> None:
    drawn = decoded(TWO_BLOBS, ious=(), candidates=torch.zeros(1, 0, 4, 4))
    both = finalize([reduce(drawn, features()), reduce(decoded(TWO_BLOBS, ious=(0.5, 0.25, 0.125)), features())], SIZE)
    assert [item.evidence.predicted_ious for item in both] == [(), (0.5, 0.25, 0.125)]
    assert finalize([], SIZE) == []
