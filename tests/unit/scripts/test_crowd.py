"""The simulated crowd and its figures: people do as their kind says, and the shipped code finds it."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.benchmarks.crowd_simulation.figures import _saved, figures_of, judged
from scripts.benchmarks.crowd_simulation.gold import NOT_FOUND, frames_until_found
from scripts.benchmarks.crowd_simulation.people import Kind, Masks, Person, crowd, shown, spoiled
from scripts.benchmarks.crowd_simulation.work import MaskVideo, redone, simulated_work, truth_of

PEOPLE = crowd(101)


@pytest.fixture(scope="module")
def truth() -> Masks:
    return truth_of(9_000_001)


def of_kind(kind: Kind) -> Person:
    return next(person for person in PEOPLE if person.kind is kind)


def masks_of(kind: Kind, truth: Masks, *, tiredness: float = 0.0) -> Masks:
    rng = np.random.default_rng(1)
    return of_kind(kind).masks(truth, lambda: shown(truth, rng=rng), tiredness=tiredness, rng=rng)


def test_a_crowd_has_twenty_people_of_stated_kinds() -> None:
    kinds = [person.kind for person in PEOPLE]
    assert {kind: kinds.count(kind) for kind in Kind} == {
        Kind.CAREFUL: 9, Kind.HASTY: 7, Kind.ACCEPTS: 1, Kind.RANDOM: 1, Kind.SWAPS: 1, Kind.DRIFTS: 1
    }  # fmt: skip
    assert len({person.name for person in PEOPLE}) == 20


def test_people_do_as_their_kind_says(truth: Masks) -> None:
    def share(masks: Masks) -> float:
        return float((masks & truth).sum() / (masks | truth).sum())

    careful, random, swapped = (share(masks_of(kind, truth)) for kind in (Kind.CAREFUL, Kind.RANDOM, Kind.SWAPS))
    assert careful > 0.85 > swapped > random
    assert share(masks_of(Kind.DRIFTS, truth, tiredness=1.0)) < share(masks_of(Kind.DRIFTS, truth))
    accepted = masks_of(Kind.ACCEPTS, truth)
    lost = spoiled(accepted, "gold", share=1.0)
    assert not lost[len(lost) // 2 :].any()
    assert (spoiled(accepted, "gold", share=0.0) == accepted).all()


def test_random_clicks_are_found_and_care_is_not(truth: Masks) -> None:
    assert frames_until_found(of_kind(Kind.RANDOM), [truth, truth], (1, 2)) <= 5
    assert frames_until_found(of_kind(Kind.CAREFUL), [truth], (1, 2)) == NOT_FOUND


def test_the_figures_of_a_small_crowd() -> None:
    few = [of_kind(Kind.CAREFUL), of_kind(Kind.HASTY), of_kind(Kind.RANDOM), of_kind(Kind.SWAPS)]
    work = simulated_work(few, 101, 2, first_clip=9_000_001)
    assert [task.is_gold for task in work] == [True, False]
    made = judged(few, work, 101)
    assert 0.0 <= _saved(made, made.tasks) < 1.0 or np.isnan(_saved(made, made.tasks))
    found = figures_of([made])
    assert set(found) == {"consensus_j", "trust_spearman", "effort_saved", "adjudication_auc", "people"}
    consensus = found["consensus_j"]
    assert isinstance(consensus, dict)
    low, high = consensus["interval"]
    assert low <= consensus["value"] <= high
    again = redone(work[0], {of_kind(Kind.RANDOM).name}, few, 101)
    assert of_kind(Kind.RANDOM).name not in {each.submission.user for each in again.submitted}
    assert all(isinstance(each.video, MaskVideo) for each in again.submitted)
