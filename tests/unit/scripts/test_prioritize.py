"""The simulated annotator and its figures, on curves small enough to reckon by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.prioritization import Policy
from backend.evaluation.synthetic.source import ClipSource
from scripts.benchmarks.interaction import (
    ROUNDS,
    Annotator,
    Played,
    State,
    Taken,
    boundary_f,
    last,
    oracle_worst,
    ours,
    play,
    policies,
    uniform,
    worst,
)
from scripts.benchmarks.prioritize import compared, over_time, rounds_to_90

FRAMES = 12


@dataclass
class Clip:
    name: str = "made-1"
    generator: str = "made"
    masks: NDArray[np.bool_] = field(default_factory=lambda: np.ones((FRAMES, 1, 8, 8), np.bool_))
    video: ClipSource = field(default_factory=lambda: ClipSource(np.zeros((FRAMES, 8, 8, 3), np.uint8)))


class Scripted(Annotator):
    """Fails from frame 5 on; a correction mends all frames that follow it."""

    def _propagated(self, taken: Taken) -> State:
        good = np.array([t < 5 or any(5 <= other <= t for other in taken) for t in range(self.count)])
        doubt = np.where(good, 0.1, 0.9)
        doubt[-1] = max(doubt[-1], 0.95 if not good[-1] else 0.1)
        doubt[sorted(taken)] = 0.0
        right = good.astype(np.float64)
        return State(right, right, doubt, np.zeros((self.count, 0)), (self.truth(0),) * self.count)


def scripted() -> Scripted:
    # An engine is never asked.
    return Scripted(None, Clip(), None, 0)  # type: ignore[arg-type]


def test_each_policy_asks_for_its_own_first_frame() -> None:
    made, start = scripted(), frozenset({0})
    made.correct(0, start)
    assert ours(Policy())(made, start) == 7
    assert (worst(made, start), last(made, start), oracle_worst(made, start)) == (11, 11, 5)
    assert uniform(made, start) == FRAMES * 4 // 9


def test_eight_rounds_cost_what_their_masks_cost_and_states_are_made_once() -> None:
    made = scripted()
    played = play(made, oracle_worst)
    assert len(played.quality) == ROUNDS + 1
    assert played.quality[0] == pytest.approx(4 / 11)
    assert played.quality[1] == 1.0
    assert played.seconds == tuple(80.0 * count for count in range(ROUNDS + 1))
    before = len(made.known)
    play(made, oracle_worst)
    assert len(made.known) == before


def test_an_absent_object_costs_three_seconds() -> None:
    made = scripted()
    made.clip.masks[7] = False
    assert (made.seconds(7), made.seconds(6)) == (3.0, 80.0)


def test_the_comparison_pools_random_streams_and_takes_the_better_oracle() -> None:
    good, bad = (
        Played((value,) * 9, (value,) * 9, (0.0,) * 9, tuple(80.0 * r for r in range(9))) for value in (0.9, 0.5)
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


def test_over_time_counts_each_level_for_as_long_as_it_lasts() -> None:
    played = Played((0.0, 1.0), (0.0, 1.0), (0.0, 0.0), (0.0, 80.0))
    assert over_time(played, 160.0) == 0.5
    assert over_time(played, 80.0) == 0.0


def test_rounds_to_nine_tenths_of_the_gain() -> None:
    played = Played((0.0, 0.5, 0.95, 1.0), (0.0,) * 4, (0.0,) * 4, (0.0,) * 4)
    assert rounds_to_90([played]) == 2.0


def test_boundaries_agree_within_a_pixel() -> None:
    truth = np.zeros((40, 40), np.bool_)
    truth[10:30, 10:30] = True
    shifted = np.roll(truth, 1, axis=1)
    assert boundary_f(truth, truth) == 1.0
    assert boundary_f(shifted, truth) == 1.0
    assert boundary_f(np.roll(truth, 8, axis=1), truth) < 0.7
    assert boundary_f(np.zeros_like(truth), truth) == 0.0
    assert boundary_f(np.zeros_like(truth), np.zeros_like(truth)) == 1.0
