"""The simulated annotator and its figures, on curves small enough for a check by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.crowd.agreement_boundaries import boundary_f
from backend.domain.uncertainty.prioritization import Policy
from backend.evaluation.synthetic.source import ClipSource
from scripts.benchmarks.interaction import (
    ROUNDS,
    Annotator,
    CorrectedFrames,
    PolicyResult,
    PropagationResult,
    last,
    oracle_worst,
    ours,
    policies,
    run_policy,
    uniform,
    worst,
)
from scripts.benchmarks.prioritize import compared, mean_over_seconds, rounds_to_90

FRAMES = 12


@dataclass
class Clip:
    name: str = "made-1"
    generator: str = "made"
    masks: NDArray[np.bool_] = field(default_factory=lambda: np.ones((FRAMES, 1, 8, 8), np.bool_))
    video: ClipSource = field(default_factory=lambda: ClipSource(np.zeros((FRAMES, 8, 8, 3), np.uint8)))


class ScriptedAnnotator(Annotator):
    """Fails from frame 5 on; a correction there repairs all later frames."""

    def _propagated(self, corrected: CorrectedFrames) -> PropagationResult:
        good = np.array([t < 5 or any(5 <= other <= t for other in corrected) for t in range(self.count)])
        uncertainty = np.where(good, 0.1, 0.9)
        uncertainty[-1] = max(uncertainty[-1], 0.95 if not good[-1] else 0.1)
        uncertainty[sorted(corrected)] = 0.0
        right = good.astype(np.float64)
        return PropagationResult(right, right, uncertainty, np.zeros((self.count, 0)), (self.truth(0),) * self.count)


def scripted_annotator() -> ScriptedAnnotator:
    # The scripted annotator does not use an engine.
    return ScriptedAnnotator(None, Clip(), None, 0)  # type: ignore[arg-type]


def test_each_policy_asks_for_its_own_first_frame() -> None:
    annotator, start = scripted_annotator(), frozenset({0})
    annotator.correct(0, start)
    assert ours(Policy())(annotator, start) == 7
    assert (worst(annotator, start), last(annotator, start), oracle_worst(annotator, start)) == (11, 11, 5)
    assert uniform(annotator, start) == FRAMES * 4 // 9


def test_rounds_cost_seconds_and_results_are_cached() -> None:
    annotator = scripted_annotator()
    results = run_policy(annotator, oracle_worst)
    assert len(results.quality) == ROUNDS + 1
    assert results.quality[0] == pytest.approx(4 / 11)
    assert results.quality[1] == 1.0
    assert results.seconds == tuple(80.0 * count for count in range(ROUNDS + 1))
    before = len(annotator.results)
    run_policy(annotator, oracle_worst)
    assert len(annotator.results) == before


def test_an_absent_object_costs_three_seconds() -> None:
    annotator = scripted_annotator()
    annotator.clip.masks[7] = False
    assert (annotator.seconds(7), annotator.seconds(6)) == (3.0, 80.0)


def test_comparison_of_random_streams_and_oracles() -> None:
    good, bad = (
        PolicyResult((value,) * 9, (value,) * 9, (0.0,) * 9, tuple(80.0 * r for r in range(9))) for value in (0.9, 0.5)
    )
    results = {name: [good if name in ("ours", "oracle_gain") else bad] * 3 for name in policies(Policy(), 2)}
    report = compared(results, clicks=False)
    auc = report["auc"]
    assert isinstance(auc, dict)
    assert {name: round(auc[name], 6) for name in ("ours", "random", "oracle", "uniform")} == {
        "ours": 0.9,
        "random": 0.5,
        "oracle": 0.9,
        "uniform": 0.5,
    }
    assert not any(name.startswith("random_") for name in auc)
    assert report["gap_closed"] == pytest.approx(1.0)
    assert report["gap_closed_ci"] == pytest.approx((1.0, 1.0))
    assert report["gates"] == {"beats_uniform": True, "beats_random": True, "closes_half": True}


def test_mean_over_seconds() -> None:
    results = PolicyResult((0.0, 1.0), (0.0, 1.0), (0.0, 0.0), (0.0, 80.0))
    assert mean_over_seconds(results, 160.0) == 0.5
    assert mean_over_seconds(results, 80.0) == 0.0


def test_rounds_to_nine_tenths_of_the_gain() -> None:
    results = PolicyResult((0.0, 0.5, 0.95, 1.0), (0.0,) * 4, (0.0,) * 4, (0.0,) * 4)
    assert rounds_to_90([results]) == 2.0


def test_boundaries_agree_within_a_pixel() -> None:
    truth = np.zeros((40, 40), np.bool_)
    truth[10:30, 10:30] = True
    shifted = np.roll(truth, 1, axis=1)
    assert boundary_f(truth, truth) == 1.0
    assert boundary_f(shifted, truth) == 1.0
    assert boundary_f(np.roll(truth, 8, axis=1), truth) < 0.7
    assert boundary_f(np.zeros_like(truth), truth) == 0.0
    assert boundary_f(np.zeros_like(truth), np.zeros_like(truth)) == 1.0
