"""Which frame comes next: the one whose correction is expected to settle most, not the worst one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.domain import prioritization
from backend.domain.prioritization import (
    FrameCurve,
    Policy,
    Reason,
    choose_frames,
    is_done,
    settled_share,
)

PLAIN = Policy(strength=1.0, ahead=4.0, behind=4.0, uses_embeddings=False)


def curve(values: list[float], taken: frozenset[int] = frozenset()) -> FrameCurve:
    return FrameCurve(np.arange(len(values)), np.array(values), np.zeros((len(values), 0)), taken)


def chosen(given: FrameCurve, count: int, policy: Policy) -> list[int]:
    return [int(one.frame_index) for one in choose_frames(given, count, policy=policy, rng=np.random.default_rng(0))]


def test_without_reach_the_worst_frame_is_chosen() -> None:
    assert chosen(curve([0.1, 0.9, 0.1, 0.6, 0.6, 0.6]), 1, replace(PLAIN, ahead=0.0)) == [1]


def test_with_reach_the_middle_of_many_doubtful_frames_is_worth_more_than_one_worse_frame() -> None:
    assert chosen(curve([0.9, 0, 0, 0, 0, 0, 0, 0.6, 0.6, 0.6]), 1, PLAIN) == [8]


def test_of_a_failing_run_the_frame_that_reaches_most_of_it_is_chosen() -> None:
    values = [0.1, 0.1, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.1]
    assert chosen(curve(values), 1, PLAIN) == [5]


def test_a_frame_that_looks_different_is_not_reached() -> None:
    looks = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    given = FrameCurve(np.arange(4), np.full(4, 0.4), looks, frozenset())
    settled = settled_share(given, replace(PLAIN, uses_embeddings=True))
    assert settled[0, 2] == 0.0
    assert settled[0, 1] == pytest.approx(np.exp(-1 / 4))
    assert np.diag(settled).tolist() == [1.0] * 4


def test_a_weak_reach_counts_the_frame_itself_for_more() -> None:
    values = [0.9, 0, 0, 0, 0, 0, 0, 0.6, 0.6, 0.6]
    assert chosen(curve(values), 1, replace(PLAIN, strength=0.1)) == [0]
    settled = settled_share(curve(values), replace(PLAIN, strength=0.5))
    assert settled[0, :2].tolist() == [1.0, pytest.approx(0.5 * np.exp(-1 / 4))]


def test_a_cut_stops_the_reach() -> None:
    given = replace(curve([0.5] * 4), shots=np.array([0, 0, 1, 1]))
    assert settled_share(given, PLAIN)[1, 2] == 0.0


def test_a_batch_spreads_because_what_is_reached_already_counts_no_more() -> None:
    values = [0.8] * 3 + [0.0] * 20 + [0.7] * 3
    assert chosen(curve(values), 2, replace(PLAIN, spacing=0)) == [1, 24]


def test_frames_of_a_batch_keep_their_distance_until_there_are_too_few() -> None:
    values = [0.9, 0.9, 0.9, 0.9]
    spread = chosen(curve(values), 2, replace(PLAIN, ahead=0.0, spacing=3))
    assert spread == [0, 3]
    assert sorted(chosen(curve(values), 4, replace(PLAIN, ahead=0.0, spacing=3))) == [0, 1, 2, 3]


def test_what_a_person_has_done_is_never_chosen_again() -> None:
    assert chosen(curve([0.9, 0.1], frozenset({0})), 5, PLAIN) == [1]
    assert chosen(curve([0.9], frozenset({0})), 5, PLAIN) == []


def test_a_larger_batch_keeps_some_for_audits_and_gaps() -> None:
    given = curve([0.9] * 10 + [0.0] * 190)
    found = choose_frames(given, 10, policy=PLAIN, rng=np.random.default_rng(0))
    assert [one.reason for one in found] == [Reason.GAIN] * 8 + [Reason.GAP, Reason.AUDIT]
    assert len({one.frame_index for one in found}) == 10
    gap = found[8].frame_index
    nearest = min(abs(gap - one.frame_index) for one in found[:8])
    assert nearest == max(min(abs(t - one.frame_index) for one in found[:8]) for t in range(200))


def test_a_long_curve_is_thinned_but_its_peak_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prioritization, "MOST_CANDIDATES", 10)
    values = [0.0] * 1000
    values[777] = 0.9
    assert chosen(curve(values), 1, PLAIN) == [777]


def test_it_is_done_when_no_open_frame_is_doubtful() -> None:
    assert is_done(curve([0.05, 0.9], frozenset({1})))
    assert not is_done(curve([0.05, 0.9]))
    assert is_done(curve([0.9], frozenset({0})))
