"""The work of a simulated crowd: clips with truth, who annotates which, and the annotations as labelled videos."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from backend.application.crowd.quality.crowd_tasks import SubmittedVideo
from backend.application.crowd.quality.measure import gold_masks, measured_task
from backend.application.ports.datasets import DatasetVideo, ManifestEntry
from backend.application.ports.media import VideoSource
from backend.codecs.coco_rle import CocoCodec
from backend.domain.crowd.agreement_measured import MeasuredTask, Submission
from backend.domain.crowd.gold import DEFAULT_GOLD, compared_frames
from backend.domain.crowd.trust import DAY_S
from backend.domain.datasets import DatasetFrame, DatasetObject, LabelledMask
from backend.domain.geometry import FrameSize
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import MaskVerdicts
from backend.domain.video import ContentHash, FrameIndex, VideoInfo
from backend.evaluation.synthetic.clips import render_clip
from scripts.benchmarks.crowd_simulation.people import Masks, Person, shown

OVERLAP = 3
FRAMES = 16
SIZE = FrameSize(160, 120)
DAYS = 30.0
"""The whole work takes so long."""

CODEC = CocoCodec()


@dataclass(frozen=True)
class MaskVideo:
    """A DatasetVideo of masks [T, N, H, W]. Each object has a label of its own, as in Masklet's label configs."""

    masks: Masks
    info: VideoInfo = field(default_factory=lambda: VideoInfo(ContentHash("made"), SIZE, FRAMES, Fraction(25)))
    provenance: ManifestEntry = field(default_factory=dict)
    not_exported: Mapping[str, int] = field(default_factory=dict)
    verdicts: MaskVerdicts | None = None
    task: None = None

    @property
    def objects(self) -> tuple[DatasetObject, ...]:
        return tuple(DatasetObject(n + 1, ObjectId(str(n)), f"Object {n + 1}") for n in range(self.masks.shape[1]))

    def frames(self) -> Iterator[DatasetFrame]:
        for index, frame in enumerate(self.masks):
            shown = (
                LabelledMask(item, CODEC.encode(mask) if mask.any() else None, None, MaskOrigin.HUMAN, 0.0, True)
                for item, mask in zip(self.objects, frame, strict=True)
            )
            yield DatasetFrame(FrameIndex(index), tuple(shown))

    def pictures(self) -> AbstractContextManager[VideoSource] | None:
        return None


@dataclass(frozen=True)
class SimulatedTask:
    """truth: [T, N, H, W]. submitted: of each of its people. given: their masks. by: the masks of any person."""

    number: int
    truth: Masks
    submitted: tuple[SubmittedVideo, ...]
    given: tuple[Masks, ...]
    is_gold: bool
    measured: MeasuredTask
    by: Callable[[Person], Masks]

    @property
    def videos(self) -> list[DatasetVideo]:
        return [each.video for each in self.submitted]


def truth_of(number: int) -> Masks:
    """The visible masks of a generated clip's objects that are ever seen, [T, N, H, W]."""
    masks = render_clip(number, frames=FRAMES, size=(SIZE.height, SIZE.width)).masks
    return np.asarray(masks[:, masks.any(axis=(0, 2, 3))])


def simulated_work(people: Sequence[Person], seed: int, tasks: int, first_clip: int) -> list[SimulatedTask]:
    """Tasks in the order of time, each with OVERLAP people; every tenth is gold. first_clip: number of the first."""
    rng = np.random.default_rng((seed, 12))
    order: list[int] = []
    while len(order) < tasks * OVERLAP:
        order += [int(at) for at in rng.permutation(len(people))]
    made = []
    for number in range(tasks):
        chosen = _distinct(order[number * OVERLAP : (number + 1) * OVERLAP], len(people), rng)
        is_gold = number % round(1 / DEFAULT_GOLD.share) == 0
        truth = truth_of(first_clip + number)
        made.append(_task(number, truth, [people[at] for at in chosen], number / tasks, is_gold, (seed, 13, number)))
    return made


def redone(task: SimulatedTask, sent_back: Collection[str], people: Sequence[Person], seed: int) -> SimulatedTask:
    """The task with the work that is sent back done again by others, whose work is not."""
    rng = np.random.default_rng((seed, 15, task.number))
    known = {each.submission.user for each in task.submitted}
    free = [person for person in people if person.name not in known and person.name not in sent_back]
    others = iter([free[int(at)] for at in rng.permutation(len(free))])
    submitted, given = [], []
    for each, masks in zip(task.submitted, task.given, strict=True):
        other = next(others, None) if each.submission.user in sent_back else None
        made = masks if other is None else task.by(other)
        user = each.submission.user if other is None else other.name
        submitted.append(SubmittedVideo(replace(each.submission, user=user), MaskVideo(made)))
        given.append(made)
    return replace(task, submitted=tuple(submitted), given=tuple(given))


def _distinct(chosen: Sequence[int], count: int, rng: np.random.Generator) -> list[int]:
    found = list(dict.fromkeys(chosen))
    while len(found) < OVERLAP:
        other = int(rng.integers(count))
        found += [other] if other not in found else []
    return found


def _task(
    number: int, truth: Masks, people: Sequence[Person], done: float, is_gold: bool, seed: tuple[int, int, int]
) -> SimulatedTask:
    """done: the share of the work that is done before."""

    def prelabel() -> Masks:
        return shown(truth, rng=np.random.default_rng(seed), gold=f"{seed}" if is_gold else "")

    def by(person: Person) -> Masks:
        own = (*seed, *person.name.encode())
        return person.masks(truth, prelabel, tiredness=done, rng=np.random.default_rng(own))

    given = tuple(by(person) for person in people)
    submitted = tuple(
        SubmittedVideo(Submission(person.name, at, done * DAYS * DAY_S), MaskVideo(masks))
        for at, (person, masks) in enumerate(zip(people, given, strict=True), 1)
    )
    measured = measured_task(TaskKey(1, number + 1), submitted, CODEC)
    if is_gold:
        frames = compared_frames(FRAMES, offset=0.5)
        gold = {each.submission.user: gold_masks(each.video, MaskVideo(truth), frames, CODEC) for each in submitted}
        measured = MeasuredTask(measured.task, measured.people, measured.objects, gold, measured.verdicts)
    return SimulatedTask(number, truth, submitted, given, is_gold, measured, by)
