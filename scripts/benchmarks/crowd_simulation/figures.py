"""Figures of `bench crowd` on one or several crowds' work: consensus, trust, effort, adjudication."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from backend.application.crowd.quality.measure import groups_by_matching
from backend.application.crowd.quality.people import evidence_of, people_of
from backend.application.exports.consensus import ConsensusVideo
from backend.application.exports.trusted_consensus import TrustedConsensusVideo
from backend.domain.crowd.agreement import AGREES_FROM
from backend.domain.crowd.estimates import Estimate, PersonQuality
from backend.domain.crowd.trust import DAY_S, DEFAULT_CHECKS, check_share, is_sent_back, trust_of
from backend.domain.datasets import DatasetFrame
from backend.domain.geometry import BoolMask, mask_iou
from backend.evaluation.metrics import auroc, spearman
from scripts.benchmarks.crowd_simulation.people import Masks, Person
from scripts.benchmarks.crowd_simulation.work import CODEC, DAYS, SimulatedTask, redone

DRAWS = 1000
CANDIDATES = 3
"""People with the highest J on their own tasks: each does all tasks, for the comparison with the consensus."""

Figures = dict[str, object]
Values = NDArray[np.float64]


@dataclass
class TaskFigures:
    """One task: the IoU of each mask with the truth; of a frame without the object, only if it was drawn there.

    persons: by name. alone: of the best person, who has done every task. redone: of the consensus after work that is
    sent back was done again. doubts, wrong: of the consensus' masks, all frames.
    """

    persons: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    right: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    alone: list[float] = field(default_factory=list)
    trusted: list[float] = field(default_factory=list)
    redone: list[float] = field(default_factory=list)
    redone_majority: list[float] = field(default_factory=list)
    majority: list[float] = field(default_factory=list)
    doubts: list[float] = field(default_factory=list)
    wrong: list[bool] = field(default_factory=list)


@dataclass(frozen=True)
class Judged:
    """A crowd's work: its people's quality as estimated, and the figures of its tasks."""

    people: Mapping[str, Person]
    quality: Mapping[str, PersonQuality]
    tasks: Sequence[TaskFigures]

    def share_right(self, name: str, tasks: Sequence[TaskFigures]) -> float:
        """The true share of a person's right masks; nan without any."""
        seen = [float(right) for task in tasks for right in task.right.get(name, ())]
        return float(np.mean(seen)) if seen else float("nan")


def judged(people: Sequence[Person], work: Sequence[SimulatedTask], seed: int) -> Judged:
    """Estimates everybody's quality, and compares people and consensus with the truth."""
    found = {
        each.user: each
        for each in people_of(evidence_of([task.measured for task in work], now_s=DAYS * DAY_S), now_s=DAYS * DAY_S)
    }
    tasks = [_task_figures(task, found) for task in work]
    made = Judged({person.name: person for person in people}, found, tasks)
    back = {name for name, each in found.items() if is_sent_back(each.trust)}
    for figures, ious, task in zip(tasks, _best_alone(made, work), work, strict=True):
        figures.alone = ious
        again = redone(task, back, people, seed)
        figures.redone, _ = _compared(_masks_of(_consensus_of(again, found).frames(), task.truth), task.truth)
        majority = ConsensusVideo(again.videos, CODEC).frames()
        figures.redone_majority, _ = _compared(_masks_of(majority, task.truth), task.truth)
    return made


def _consensus_of(task: SimulatedTask, quality: Mapping[str, PersonQuality]) -> TrustedConsensusVideo:
    prior = trust_of([], now_s=0.0)
    users = [each.submission.user for each in task.submitted]
    trust = [quality[user].trust if user in quality else prior for user in users]
    return TrustedConsensusVideo(task.videos, CODEC, trust, groups=groups_by_matching(task.videos, CODEC))


def _best_alone(made: Judged, work: Sequence[SimulatedTask]) -> list[list[float]]:
    """The IoUs of each task if the best person did all: of the CANDIDATES with the highest J, the best one on all."""
    js = {name: _person_j(made, name, made.tasks) for name in made.quality}
    best = sorted(js, key=lambda name: -js[name])[:CANDIDATES]
    alone = [[_compared(task.by(made.people[name]), task.truth)[0] for task in work] for name in best]
    return max(alone, key=lambda ious: float(np.mean([value for task in ious for value in task])))


def _task_figures(task: SimulatedTask, quality: Mapping[str, PersonQuality]) -> TaskFigures:
    figures = TaskFigures()
    for submitted, masks in zip(task.submitted, task.given, strict=True):
        ious, _ = _compared(masks, task.truth)
        figures.persons[submitted.submission.user] = ious
        figures.right[submitted.submission.user] = _all_right(masks, task.truth)
    trusted = _consensus_of(task, quality)
    frames, doubts = [], {}
    for frame, disagreements in trusted.with_disagreements():
        frames.append(frame)
        for item, each in zip((*trusted.objects, *trusted.left_out), disagreements, strict=True):
            doubts[int(frame.frame_index), item.label] = each.doubt
    masks = _masks_of(frames, task.truth)
    figures.trusted, _ = _compared(masks, task.truth)
    figures.majority, _ = _compared(_masks_of(ConsensusVideo(task.videos, CODEC).frames(), task.truth), task.truth)
    for (frame_index, number), right in zip(
        np.ndindex(task.truth.shape[:2]), _all_right(masks, task.truth), strict=True
    ):
        figures.wrong.append(not right)
        figures.doubts.append(doubts.get((frame_index, f"Object {number + 1}"), 1.0))
    return figures


def _masks_of(frames: object, truth: Masks) -> Masks:
    """A consensus' masks, [T, N, H, W]; an object that it lacks is absent. Labels tell which object is which."""
    masks = np.zeros_like(truth)
    assert hasattr(frames, "__iter__")
    for frame in frames:
        assert isinstance(frame, DatasetFrame)
        for shown in frame.present:
            assert shown.mask is not None
            masks[frame.frame_index, int(shown.item.label.split()[-1]) - 1] = CODEC.decode(shown.mask)
    return masks


def _compared(masks: Masks, truth: Masks) -> tuple[list[float], list[tuple[int, int]]]:
    """The IoU on each frame and object that either has, and which these are."""
    where = [(t, n) for t, n in np.ndindex(truth.shape[:2]) if masks[t, n].any() or truth[t, n].any()]
    return [mask_iou(masks[at], truth[at]) for at in where], where


def _all_right(masks: Masks, truth: Masks) -> list[bool]:
    """Of each frame and object, whether the mask is right; of two without one it is."""
    return [_is_right(masks[at], truth[at]) for at in np.ndindex(truth.shape[:2])]


def _is_right(mask: BoolMask, truth: BoolMask) -> bool:
    return mask_iou(mask, truth) >= AGREES_FROM


def figures_of(work: Sequence[Judged]) -> Figures:
    """The figures over all crowds. Intervals draw tasks within each crowd."""
    rng = np.random.default_rng(0)
    return {
        "consensus_j": _consensus(work, rng),
        "trust_spearman": _interval([_spearman(each, each.tasks) for each in work], _drawn(work, _spearman, rng)),
        "effort_saved": _interval([_saved(each, each.tasks) for each in work], _drawn(work, _saved, rng)),
        "adjudication_auc": _interval([_auc(each, each.tasks) for each in work], _drawn(work, _auc, rng)),
        "people": _people(work),
    }


Figure = Callable[[Judged, Sequence[TaskFigures]], float]


def _drawn(work: Sequence[Judged], figure: Figure, rng: np.random.Generator, draws: int = 200) -> Values:
    """The figure's mean over the crowds, of tasks drawn with replacement, [draws]."""
    return np.array([_known_mean([figure(each, _draw(each.tasks, rng)) for each in work]) for _ in range(draws)])


def _known_mean(values: Sequence[float]) -> float:
    """Without nan; nan of nothing else."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _draw(tasks: Sequence[TaskFigures], rng: np.random.Generator) -> list[TaskFigures]:
    return [tasks[int(at)] for at in rng.integers(0, len(tasks), len(tasks))]


def _interval(values: Sequence[float], drawn: Values) -> Figures:
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return {
        "value": float(np.mean(values)),
        "interval": [float(low), float(high)],
        "by_seed": [float(v) for v in values],
    }


def _consensus(work: Sequence[Judged], rng: np.random.Generator) -> Figures:
    """J of the consensus, of the majority, and of the best person of each crowd, who does every task."""

    def mean(tasks: Sequence[Sequence[TaskFigures]], name: str) -> float:
        return float(np.mean([np.mean([v for task in drawn for v in getattr(task, name)]) for drawn in tasks]))

    everything = [each.tasks for each in work]
    drawn: dict[str, list[float]] = defaultdict(list)
    for _ in range(DRAWS):
        tasks = [_draw(each.tasks, rng) for each in work]
        for name in ("trusted", "majority", "redone", "redone_majority", "alone"):
            drawn[name].append(mean(tasks, name))
    found = {
        ours: {
            "value": mean(everything, ours),
            "interval": _percentiles(drawn[ours]),
            "majority": mean(everything, majority),
            "best_person": mean(everything, "alone"),
            "minus_best_person": _percentiles(np.subtract(drawn[ours], drawn["alone"])),
            "minus_majority": _percentiles(np.subtract(drawn[ours], drawn[majority])),
        }
        for ours, majority in (("trusted", "majority"), ("redone", "redone_majority"))
    }
    return {**found["trusted"], "after_sent_back_work_is_redone": found["redone"]}


def _percentiles(values: Sequence[float] | Values) -> list[float]:
    known = [value for value in values if not np.isnan(value)]
    return [float(value) for value in np.percentile(known, [2.5, 97.5])] if known else [float("nan")] * 2


def _person_j(work: Judged, name: str, tasks: Sequence[TaskFigures]) -> float:
    values = [value for task in tasks for value in task.persons.get(name, ())]
    return float(np.mean(values)) if values else float("nan")


def _spearman(work: Judged, tasks: Sequence[TaskFigures]) -> float:
    """Of the estimated trust and the true share of right masks."""
    shares = {name: work.share_right(name, tasks) for name in work.quality}
    known = [name for name, share in shares.items() if not np.isnan(share)]
    return spearman([work.quality[name].trust.mean for name in known], [shares[name] for name in known])


def _auc(work: Judged, tasks: Sequence[TaskFigures]) -> float:
    doubts = [doubt for task in tasks for doubt in task.doubts]
    return auroc(doubts, [wrong for task in tasks for wrong in task.wrong])


def _saved(work: Judged, tasks: Sequence[TaskFigures]) -> float:
    """The share of checks that are saved where both ways leave the same share of wrong masks.

    A check finds all but CheckPolicy.missed of the wrong masks. Checking all: each masklet once. In proportion to
    trust: `check_share`, with the permitted error at which the same is left. nan if it cannot be reached.
    """
    missed = DEFAULT_CHECKS.missed
    amount = {name: sum(len(task.right.get(name, ())) for task in tasks) for name in work.quality}
    errors = {name: 1 - work.share_right(name, tasks) for name in work.quality if amount[name]}
    total = sum(amount.values())
    wanted = sum(amount[name] * errors[name] * missed for name in errors) / total

    def left(error_left: float) -> tuple[float, float]:
        policy = replace(DEFAULT_CHECKS, error_left=error_left)
        checks = {name: check_share(work.quality[name].trust, policy) for name in errors}
        remaining = sum(
            amount[name]
            * errors[name]
            * (1 - min(checks[name], 1.0) * (1 - missed))
            * (1 - max(checks[name] - 1.0, 0.0) * (1 - missed))
            for name in errors
        )
        return remaining / total, sum(amount[name] * checks[name] for name in errors) / total

    low, high = 1e-5, 0.5
    if left(low)[0] > wanted:
        return float("nan")
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if left(middle)[0] <= wanted else (low, middle)
    return 1 - left(low)[1]


def _people(work: Sequence[Judged]) -> Figures:
    """Of each kind, the means: true share of right masks, J, and trust with its interval."""
    found: dict[str, list[tuple[float, float, Estimate]]] = defaultdict(list)
    for each in work:
        for name, person in each.people.items():
            if name in each.quality:
                share, j = each.share_right(name, each.tasks), _person_j(each, name, each.tasks)
                found[person.kind].append((share, j, each.quality[name].trust))
    return {
        kind: {
            "count": len(rows),
            "right": float(np.mean([row[0] for row in rows])),
            "j": float(np.mean([row[1] for row in rows])),
            "trust": float(np.mean([row[2].mean for row in rows])),
            "trust_interval": [
                float(np.mean([row[2].low for row in rows])),
                float(np.mean([row[2].high for row in rows])),
            ],
        }
        for kind, rows in found.items()
    }
