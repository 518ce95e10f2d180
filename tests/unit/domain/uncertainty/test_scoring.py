"""Uncertainty rises with each signal and stays within 0..1."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.masklets import FrameEvidence, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.uncertainty.calibration import Calibrator
from backend.domain.uncertainty.features import ObjectEvidence
from backend.domain.uncertainty.scoring import (
    Scorer,
    combined_uncertainty,
    frame_uncertainty,
    label_studio_score,
    score_of_frames,
)

SURE = FrameEvidence((0.95, 0.4, 0.3), 9.0, 1.0, 0.97, 0.1, None, None, 1)


def test_a_human_frame_is_certain() -> None:
    assert frame_uncertainty(replace(SURE, presence_logit=-9.0, soft_iou=0.0), MaskOrigin.HUMAN) == 0.0


def test_either_signal_raises_uncertainty() -> None:
    base = frame_uncertainty(SURE, MaskOrigin.PROPAGATED)
    assert frame_uncertainty(replace(SURE, soft_iou=0.5), MaskOrigin.PROPAGATED) > base
    assert frame_uncertainty(replace(SURE, predicted_ious=(0.3,)), MaskOrigin.PROPAGATED) > base
    assert frame_uncertainty(replace(SURE, presence_logit=0.0), MaskOrigin.PROPAGATED) > base


def test_a_confident_exit_is_certain_and_an_unsure_one_is_not() -> None:
    gone = replace(SURE, area_rel=0.0, presence_logit=-9.0)
    doubtful = replace(SURE, area_rel=0.0, presence_logit=0.0)
    assert frame_uncertainty(gone, MaskOrigin.PROPAGATED) == pytest.approx(0.000123, abs=1e-5)
    assert frame_uncertainty(doubtful, MaskOrigin.PROPAGATED) == 0.5


@given(st.lists(st.floats(-2, 2), max_size=3), st.floats(-1e6, 1e6), st.floats(-1, 2), st.floats(0, 1))
def test_uncertainty_and_score_stay_within_bounds(
    ious: list[float], presence: float, soft_iou: float, area: float
) -> None:
    evidence = FrameEvidence(tuple(ious), presence, 1.0, soft_iou, area, None, None, 1)
    uncertainty = frame_uncertainty(evidence, MaskOrigin.PROPAGATED)
    assert 0.0 <= uncertainty <= 1.0
    assert label_studio_score(uncertainty) == 1.0 - uncertainty


def test_a_frame_is_as_uncertain_as_its_worst_object() -> None:
    assert combined_uncertainty([0.1, 0.7, 0.3]) == 0.7
    assert combined_uncertainty([]) == 0.0


def test_an_automatic_mask_is_as_uncertain_as_its_score_says() -> None:
    found = replace(SURE, predicted_ious=(0.7,), presence_logit=10.0)
    assert frame_uncertainty(found, MaskOrigin.AUTOMATIC) == pytest.approx(0.3)
    calibrator = cast(Calibrator, SimpleNamespace(uncertainty=lambda row: 0.05))
    scorer = Scorer(calibrator, {ObjectId("a"): (0,)})
    seen = {ObjectId("a"): ObjectEvidence(found, MaskOrigin.AUTOMATIC)}
    assert scorer.frame(0, seen) == {ObjectId("a"): pytest.approx(0.3)}


def test_a_tasks_score_is_the_mean_over_frames_of_their_most_uncertain_objects() -> None:
    assert score_of_frames([(0, 0.0), (1, 0.2), (1, 0.6), (2, 0.1), (3, 0.1)]) == pytest.approx(0.8)
    assert score_of_frames([(4, 0.9914), *((index, 0.0) for index in range(4))]) == pytest.approx(0.80172)
    assert score_of_frames([(7, 0.3)]) == pytest.approx(0.7)
    assert score_of_frames([]) == 1.0
    assert score_of_frames([(0, 1.5)]) == score_of_frames([(0, float("nan"))]) == 0.0
