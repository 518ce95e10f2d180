"""The quality of each person of a project, from the measurements of its tasks.

Gold and verdicts are known by others; who is right where people disagree is not. It follows from everybody's trust, and
trust from it: both are estimated in turns (`domain/crowd/trust_agreement.py`).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backend.domain.crowd.agreement import Flags, ObjectAgreement, pairs_of
from backend.domain.crowd.agreement_measured import MeasuredTask, Submission
from backend.domain.crowd.estimates import PersonQuality
from backend.domain.crowd.trust import DEFAULT_POLICY, Observation, TrustAt, TrustPolicy, share_of, trust_of
from backend.domain.crowd.trust_agreement import MOST_PEOPLE, right_probabilities
from backend.domain.verdicts import Verdict

ROUNDS = 10
RIGHT = {Verdict.SATISFACTORY: 1.0, Verdict.REDO: 0.0, Verdict.REJECT: 0.0}
"""What a verdict says of the masks; the others say nothing."""

Observations = dict[str, list[Observation]]


@dataclass(frozen=True, slots=True)
class JudgedMaker:
    """A verifier's verdict on a masklet that a person made. at_s: wall clock."""

    maker: str
    verdict: Verdict
    at_s: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of each person, by user. known: gold and verdicts. inferred: from who agrees with whom.

    agreement: IoU with others. gold: gold alone. verdicts: of others, counted.
    """

    known: Mapping[str, Sequence[Observation]]
    inferred: Mapping[str, Sequence[Observation]]
    agreement: Mapping[str, Sequence[Observation]]
    gold: Mapping[str, Sequence[Observation]]
    verdicts: Mapping[str, Mapping[Verdict, int]]

    def of(self, user: str) -> list[Observation]:
        """All that trust in a person is from."""
        return [*self.known.get(user, ()), *self.inferred.get(user, ())]


def evidence_of(
    tasks: Sequence[MeasuredTask],
    verified: Sequence[JudgedMaker] = (),
    *,
    now_s: float,
    policy: TrustPolicy = DEFAULT_POLICY,
) -> Evidence:
    """verified: verdicts of a crowd's verifiers. now_s: wall clock."""
    gold, verdicts = gold_observations(tasks, policy), _verdict_observations(tasks, verified, policy)
    users = sorted(
        {each.user for task in tasks for each in task.people} | set(gold) | {each.maker for each in verified}
    )
    known = {user: [*gold.get(user, ()), *verdicts.get(user, ())] for user in users}
    inferred = _inferred(tasks, known, now_s=now_s, policy=policy)
    return Evidence(known, inferred, _agreement_with_others(tasks), gold, _verdict_counts(tasks, verified))


def people_of(found: Evidence, *, now_s: float, policy: TrustPolicy = DEFAULT_POLICY) -> tuple[PersonQuality, ...]:
    """Everyone with an annotation or a verified masklet, by name. now_s: wall clock."""
    return tuple(
        PersonQuality(
            user,
            trust_of(found.of(user), now_s=now_s, policy=policy),
            share_of(found.agreement.get(user, ()), now_s=now_s, policy=policy),
            share_of(found.gold.get(user, ()), now_s=now_s, policy=policy),
            dict(found.verdicts.get(user, {})),
        )
        for user in found.known
    )


def trust_over_time(
    found: Evidence, *, now_s: float, points: int = 12, policy: TrustPolicy = DEFAULT_POLICY
) -> dict[str, tuple[TrustAt, ...]]:
    """Each person's trust at up to `points` times, oldest first, the last one now, by what is known now.

    At each time only masks count that were submitted by then. People without observations are left out.
    """
    return {user: _history(found.of(user), now_s, points, policy) for user in found.known if found.of(user)}


def _history(observed: Sequence[Observation], now_s: float, points: int, policy: TrustPolicy) -> tuple[TrustAt, ...]:
    times = sorted({each.at_s for each in observed})
    step = max(math.ceil(len(times) / (points - 1)), 1)
    chosen = [*times[step - 1 :: step], now_s]
    return tuple(
        TrustAt(at_s, trust_of([each for each in observed if each.at_s <= at_s], now_s=at_s, policy=policy))
        for at_s in chosen
    )


def gold_observations(tasks: Iterable[MeasuredTask], policy: TrustPolicy = DEFAULT_POLICY) -> Observations:
    """One for each gold mask, by user."""
    found: Observations = defaultdict(list)
    for task in tasks:
        submitted = _times(task)
        for user, masks in task.gold.items():
            found[user] += [
                Observation(float(each.is_right), policy.gold_weight, submitted.get(user, 0.0)) for each in masks
            ]
    return found


def _verdict_observations(
    tasks: Iterable[MeasuredTask], verified: Iterable[JudgedMaker], policy: TrustPolicy
) -> Observations:
    found: Observations = defaultdict(list)
    for each in verified:
        if each.verdict in RIGHT:
            found[each.maker].append(Observation(RIGHT[each.verdict], policy.verdict_weight, each.at_s))
    for task in tasks:
        submitted = _times(task)
        for user, given in task.verdicts.items():
            for verdict, count in given.items():
                if verdict in RIGHT:
                    found[user].append(Observation(RIGHT[verdict], policy.verdict_weight * count, submitted[user]))
    return found


def _agreement_with_others(tasks: Iterable[MeasuredTask]) -> Observations:
    """One for each object of each task: the mean IoU of a person with each of the others."""
    found: Observations = defaultdict(list)
    for task in tasks:
        for each in task.objects:
            for at, person in enumerate(task.people):
                own = [column for column, pair in enumerate(pairs_of(len(task.people))) if at in pair]
                values = each.iou[:, own]
                if own and not np.isnan(values).all():
                    found[person.user].append(Observation(float(np.nanmean(values)), 1.0, person.submitted_s))
    return found


def _inferred(
    tasks: Sequence[MeasuredTask], known: Mapping[str, Sequence[Observation]], *, now_s: float, policy: TrustPolicy
) -> Observations:
    """For each masklet that others have too, the probability that the person's masks are right."""
    trust = {user: trust_of(seen, now_s=now_s, policy=policy).mean for user, seen in known.items()}
    compared = [
        (people, agrees) for task in tasks for each in task.objects for people, agrees in _compared(task.people, each)
    ]
    found: Observations = {}
    for _ in range(ROUNDS if compared else 0):
        found = defaultdict(list)
        for people, agrees in compared:
            right = right_probabilities(agrees, [trust[person.user] for person in people]).right.mean(axis=0)
            for person, chance in zip(people, right, strict=True):
                found[person.user].append(Observation(float(chance), policy.agreement_weight, person.submitted_s))
        trust = {
            user: trust_of([*seen, *found.get(user, ())], now_s=now_s, policy=policy).mean
            for user, seen in known.items()
        }
    return found


def _compared(people: Sequence[Submission], each: ObjectAgreement) -> list[tuple[Sequence[Submission], Flags]]:
    """The people and who agrees with whom, [F, n, n], on the frames on which anybody has the object; none for one."""
    shown = each.present.any(axis=1)
    if len(people) < 2 or not shown.any():
        return []
    return [(people[-MOST_PEOPLE:], each.agrees[shown][:, -MOST_PEOPLE:, -MOST_PEOPLE:])]


def _verdict_counts(tasks: Iterable[MeasuredTask], verified: Iterable[JudgedMaker]) -> dict[str, Counter[Verdict]]:
    """By user."""
    total: dict[str, Counter[Verdict]] = defaultdict(Counter)
    for task in tasks:
        for user, given in task.verdicts.items():
            total[user].update(given)
    for each in verified:
        total[each.maker][each.verdict] += 1
    return total


def _times(task: MeasuredTask) -> dict[str, float]:
    return {each.user: each.submitted_s for each in task.people}
