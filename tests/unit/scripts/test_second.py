"""Learning from second looks, and saying what they are worth: on rows whose truth is made up."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.adapters.synthetic.source import ClipSource
from backend.application.second_trials import LEAST_STRETCH, SecondRow, run_second_trial
from backend.domain.calibration import Calibrator, Layer, Network
from backend.domain.features import FEATURES
from backend.domain.prompts import ObjectId
from backend.domain.second_look import Findings, SecondOpinion, Weights
from scripts.benchmarks.second_look import SIGNALS, _figures
from scripts.calibration.second import Fitted, logistic, opinion_of
from tests.fakes.clock import FakeClock
from tests.fakes.engine import FakeCodec
from tests.fakes.remembering import RememberingSegmenter

CAT = ObjectId("0")


class Clip:
    """One object on every frame, drawn afresh on each; the second one shows at first alone."""

    name, generator = "made-1", "made"

    def __init__(self) -> None:
        shape = (20, 2, 8, 16)
        masks = np.random.default_rng(0).random(shape) < 0.5
        masks[1:, 1] = False
        self.masks: NDArray[np.bool_] = masks
        self.video = ClipSource(np.zeros((20, 8, 16, 3), np.uint8))


def row(clip: int, uncertainty: float, iou: float, *found: float) -> SecondRow:
    return SecondRow(f"c{clip}", (CAT, 1), uncertainty, Findings(*found), iou, True)


def opinion(weight: float) -> Calibrator:
    network = Network((Layer(np.zeros((len(FEATURES), 1)), np.zeros(1)),))
    zero, one, line = np.zeros(len(FEATURES)), np.ones(len(FEATURES)), np.array([0.0, 1.0])
    second = SecondOpinion((Weights(0.0, 1.0, {"cycle": weight}),))
    return Calibrator("ab", zero, one, (network,), (network,), line, line, (), second)


def test_logistic_regression_finds_the_weights_that_made_the_data() -> None:
    rng = np.random.default_rng(0)
    inputs = np.column_stack([np.ones(20_000), rng.normal(size=(20_000, 2))])
    wanted = np.array([-0.5, 1.0, 2.0])
    failed = rng.random(20_000) < 1 / (1 + np.exp(-inputs @ wanted))
    assert logistic(inputs, failed) == pytest.approx(wanted, abs=0.08)


def test_what_does_not_help_is_left_out() -> None:
    kept = Fitted(("cycle",), 500, Weights(0.0, 1.0, {"cycle": 1.0}), 0.2, 0.1)
    assert opinion_of([Fitted(("forward_backward",), 500, None, 0.1, 0.1), kept]) == SecondOpinion((kept.weights,))  # type: ignore[arg-type]
    assert opinion_of([Fitted(("cycle",), 3, None, 0.1, 0.1)]) is None


def test_a_signal_that_knows_lifts_the_auroc_and_one_that_lies_lowers_it() -> None:
    rows = [row(n % 4, 0.5, 0.9 if n % 2 else 0.1, 0.0, float(n % 2 == 0)) for n in range(40)]
    helpful, harmful = (_figures(rows, opinion(weight), ("cycle",), 10) for weight in (3.0, -3.0))
    assert helpful["uncertainty"]["auroc"] == 0.5  # type: ignore[index]
    assert helpful["alone"]["auroc"] == helpful["with_it"]["auroc"] == 1.0  # type: ignore[index]
    assert harmful["with_it"]["auroc"] == 0.0  # type: ignore[index]
    assert helpful["auroc_gain_ci"] == (0.5, 0.5)


def test_findings_that_are_not_asked_for_have_no_say() -> None:
    rows = [row(n, 0.5, 0.9 if n % 2 else 0.1, 0.0, float(n % 2 == 0)) for n in range(10)]
    report = _figures(rows, opinion(3.0), ("forward_backward",), 10)
    assert report["alone"]["auroc"] == 0.5  # type: ignore[index]
    assert "with_it" not in report
    assert "alone" not in _figures(rows, opinion(3.0), SIGNALS, 10)


def test_a_trial_has_two_human_frames_an_object_and_findings_between_them() -> None:
    trial = run_second_trial(RememberingSegmenter(), Clip(), codec=FakeCodec(), calibrator=None, clock=FakeClock())
    assert trial is not None
    first, second = trial.tracks
    assert first.prompted[-1] == 19
    assert max(second.prompted) < LEAST_STRETCH
    looked = [one for one in trial.candidates if one.spot[0] == CAT]
    assert looked
    assert all(one.findings.forward_backward is not None and one.findings.cycle is not None for one in looked)
    spots = {one.spot for one in (*trial.candidates, *trial.others)}
    assert len(spots) == sum(len(track.frames) - len(set(track.prompted)) for track in trial.tracks)
    assert all(one.findings == Findings() for one in trial.others)
