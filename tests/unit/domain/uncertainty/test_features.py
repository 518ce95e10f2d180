"""Features of a frame's evidence: alone, against earlier frames, and against other objects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.domain.geometry import Box, Point, box_iou
from backend.domain.masklets import FrameEvidence, MaskOrigin
from backend.domain.uncertainty.features import FEATURES, FeatureHistory, ObjectEvidence, cosine, logit

STEADY = FrameEvidence(
    predicted_ious=(0.9, 0.7, 0.6),
    presence_logit=6.0,
    stability=0.9,
    soft_iou=0.8,
    area_rel=0.04,
    centroid=Point(0.5, 0.5),
    box=Box(0.4, 0.4, 0.6, 0.6),
    components=1,
    embedding=(1.0, 0.0),
)
GONE = replace(STEADY, presence_logit=-6.0, area_rel=0.0, centroid=None, box=None, components=0)


def row(
    history: FeatureHistory, frame: int, evidence: FrameEvidence, origin: MaskOrigin = MaskOrigin.PROPAGATED
) -> dict[str, float]:
    return dict(zip(FEATURES, history.row(frame, ObjectEvidence(evidence, origin)), strict=True))


def started() -> FeatureHistory:
    history = FeatureHistory((0,))
    history.row(0, ObjectEvidence(STEADY, MaskOrigin.PROMPTED))
    return history


def test_a_frame_like_the_one_before_has_no_jumps() -> None:
    found = row(started(), 1, STEADY)
    jumps = ("area_jump", "area_shift", "area_change", "motion_shock", "box_overlap", "fill_change", "look_change")
    assert {name: found[name] for name in jumps} == dict.fromkeys(jumps, 0.0)
    assert found["candidate_gap"] == pytest.approx(0.2)
    assert found["emitted"] == 1.0


def test_jumps_of_place_area_and_embedding_are_features() -> None:
    moved = replace(
        STEADY, area_rel=0.01, centroid=Point(0.7, 0.5), box=Box(0.65, 0.45, 0.75, 0.55), embedding=(0.0, 1.0)
    )
    found = row(started(), 1, moved)
    assert found["area_jump"] == pytest.approx(1.3863, abs=1e-4)
    assert found["motion_shock"] == pytest.approx(0.2 / 0.201)
    assert found["box_overlap"] == 1.0
    assert found["look_change"] == found["look_jump"] == 1.0


def test_steady_motion_is_no_shock() -> None:
    history = started()
    for frame in (1, 2):
        x = 0.5 + 0.1 * frame
        moved = replace(STEADY, centroid=Point(x, 0.5), box=Box(x - 0.1, 0.4, x + 0.1, 0.6))
        found = row(history, frame, moved)
    assert found["motion_shock"] == pytest.approx(0.0, abs=1e-9)
    assert found["box_overlap"] == pytest.approx(1 - 1 / 3)


def test_an_empty_frame_keeps_the_features_of_the_exit() -> None:
    history = started()
    at_border = replace(STEADY, area_rel=0.01, centroid=Point(0.98, 0.5), box=Box(0.96, 0.4, 1.0, 0.6))
    row(history, 1, at_border)
    found = row(history, 2, GONE)
    assert (found["emitted"], found["border"]) == (0.0, 1.0)
    assert found["area_change"] == pytest.approx(-1.3863, abs=1e-4)
    again = row(history, 3, STEADY)
    assert again["was_away"] == 1.0
    assert again["away"] == pytest.approx(0.6931, abs=1e-4)


def test_uncertainty_accumulates_until_a_human_frame() -> None:
    history = started()
    weak = replace(STEADY, predicted_ious=(0.5,))
    row(history, 1, weak)
    found = row(history, 2, STEADY)
    assert found["worst_so_far"] == pytest.approx(0.5)
    assert found["drift"] == pytest.approx(0.3993, abs=1e-4)
    row(history, 3, STEADY, MaskOrigin.HUMAN)
    after = row(history, 4, STEADY)
    assert after["worst_so_far"] == pytest.approx(0.1)
    assert after["age"] == pytest.approx(0.2310, abs=1e-4)


def test_a_backward_pass_starts_at_the_first_prompt() -> None:
    history = FeatureHistory((5,))
    history.row(5, ObjectEvidence(STEADY, MaskOrigin.PROMPTED))
    far = replace(STEADY, area_rel=0.4, centroid=Point(0.1, 0.1), box=Box(0.0, 0.0, 0.2, 0.2))
    row(history, 6, far)
    row(history, 7, far)
    back = row(history, 4, STEADY)
    assert (back["area_jump"], back["box_overlap"]) == (0.0, 0.0)
    assert back["distance"] == pytest.approx(0.2310, abs=1e-4)


def test_the_nearest_prompt_counts_whichever_side_it_is_on() -> None:
    history = FeatureHistory((0, 4))
    history.row(0, ObjectEvidence(STEADY, MaskOrigin.PROMPTED))
    assert [round(row(history, frame, STEADY)["distance"] * 3, 3) for frame in (1, 2, 3)] == [0.693, 1.099, 0.693]


def test_a_similar_object_in_the_same_place_is_a_feature() -> None:
    history = started()
    rivals = (replace(STEADY, embedding=(0.6, 0.8)),)
    found = dict(zip(FEATURES, history.row(1, ObjectEvidence(STEADY, MaskOrigin.PROPAGATED), rivals), strict=True))
    assert found["rival_overlap"] == pytest.approx(1.0)
    assert found["rival_likeness"] == pytest.approx(0.6)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 0.0), (0.0, -5.0), (1.0, 5.0)])
def test_logits_are_bounded(share: float, expected: float) -> None:
    assert logit(share) == expected


def test_missing_boxes_and_embeddings() -> None:
    box = Box(0.1, 0.1, 0.2, 0.2)
    assert (box_iou(None, None), box_iou(box, None)) == (1.0, 0.0)
    assert box_iou(box, box) == pytest.approx(1.0)
    assert cosine((), (1.0,)) == 1.0
