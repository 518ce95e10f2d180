"""The next frame is the one whose correction is expected to settle most uncertainty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.domain.uncertainty import prioritization
from backend.domain.uncertainty.prioritization import (
    FrameCurve,
    Policy,
    Reason,
    choose_frames,
    is_done,
    settled_share,
)

PLAIN = Policy(strength=1.0, ahead=4.0, behind=4.0, uses_embeddings=False)


def curve(values: list[float], human_frames: frozenset[int] = frozenset()) -> FrameCurve:
    return FrameCurve(np.arange(len(values)), np.array(values), np.zeros((len(values), 0)), human_frames)


def chosen(given: FrameCurve, count: int, policy: Policy) -> list[int]:
    return [int(one.frame_index) for one in choose_frames(given, count, policy=policy, rng=np.random.default_rng(0))]


def test_without_propagated_gain_the_worst_frame_is_chosen() -> None:
    assert chosen(curve([0.1, 0.9, 0.1, 0.6, 0.6, 0.6]), 1, replace(PLAIN, ahead=0.0)) == [1]


def test_many_uncertain_frames_outweigh_one_worse_frame() -> None:
    assert chosen(curve([0.9, 0, 0, 0, 0, 0, 0, 0.6, 0.6, 0.6]), 1, PLAIN) == [8]


def test_the_frame_that_settles_most_of_a_range_is_chosen() -> None:
    values = [0.1, 0.1, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.1]
    assert chosen(curve(values), 1, PLAIN) == [5]


def test_a_frame_of_another_appearance_is_not_settled() -> None:
    embeddings = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    given = FrameCurve(np.arange(4), np.full(4, 0.4), embeddings, frozenset())
    settled = settled_share(given, replace(PLAIN, uses_embeddings=True))
    assert settled[0, 2] == 0.0
    assert settled[0, 1] == pytest.approx(np.exp(-1 / 4))
    assert np.diag(settled).tolist() == [1.0] * 4


def test_a_low_strength_favours_the_frame_itself() -> None:
    values = [0.9, 0, 0, 0, 0, 0, 0, 0.6, 0.6, 0.6]
    assert chosen(curve(values), 1, replace(PLAIN, strength=0.1)) == [0]
    settled = settled_share(curve(values), replace(PLAIN, strength=0.5))
    assert settled[0, :2].tolist() == [1.0, pytest.approx(0.5 * np.exp(-1 / 4))]


def test_a_cut_bounds_the_settled_frames() -> None:
    given = replace(curve([0.5] * 4), shots=np.array([0, 0, 1, 1]))
    assert settled_share(given, PLAIN)[1, 2] == 0.0


def test_a_batch_spreads_since_settled_frames_count_once() -> None:
    values = [0.8] * 3 + [0.0] * 20 + [0.7] * 3
    assert chosen(curve(values), 2, replace(PLAIN, spacing=0)) == [1, 24]


def test_frames_of_a_batch_keep_their_spacing_if_possible() -> None:
    values = [0.9, 0.9, 0.9, 0.9]
    spread = chosen(curve(values), 2, replace(PLAIN, ahead=0.0, spacing=3))
    assert spread == [0, 3]
    assert sorted(chosen(curve(values), 4, replace(PLAIN, ahead=0.0, spacing=3))) == [0, 1, 2, 3]


def test_a_human_frame_is_never_chosen() -> None:
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


def test_no_frame_is_chosen_if_none_is_uncertain() -> None:
    assert is_done(curve([0.05, 0.9], frozenset({1})))
    assert not is_done(curve([0.05, 0.9]))
    assert is_done(curve([0.9], frozenset({0})))
