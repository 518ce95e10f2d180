"""Gold tasks: taken from experts' annotations, copied among a project's ordinary tasks, and listed for leads.

A copy has the data of its source with another key, and its predictions, from which some objects are lost. Nothing in
Label Studio says that it is gold: that is in the ledger alone. The ledger names a copy before Label Studio has it, so
that each is made once, whatever is killed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from backend.application.crowd.quality.consensus_runs import CONSENSUS
from backend.application.crowd.quality.crowd_tasks import CrowdTasks, ListedTask
from backend.application.crowd.quality.gold_truth import truth_of_video
from backend.application.ports.progress import counted
from backend.application.ports.quality_ledger import QualityLedger
from backend.domain.crowd.agreement_measured import Submission
from backend.domain.crowd.gold import GoldPolicy, compared_frames, copies_wanted, in_turn, wanted_share
from backend.domain.crowd.gold_truth import GoldTask
from backend.domain.errors import InvalidInput, NotFound
from backend.domain.tasks import TaskKey

FACTS, KEY = "masklet", "key"
WRITTEN_FIELDS = ("uncertainty", "worst_page", "priority")
"""Fields that Masklet writes into a task's data while it is worked on: a new task has none."""

Data = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CopiedPrediction:
    """A prediction of a task. score: 0..1."""

    model_version: str
    result: list[dict[str, object]]
    score: float


class GoldProject(Protocol):
    """Tasks and predictions of Label Studio. Raises LabelStudioUnavailable, LabelStudioRefused or NotFound."""

    def tasks(self, project_id: int) -> Mapping[int, Data]:
        """The data of a project's tasks, as stored, by id."""
        ...

    def open_tasks(self, project_id: int) -> frozenset[int]:
        """The tasks without an annotation."""
        ...

    def create(self, project_id: int, data: Data) -> int:
        """Creates a task; returns its id."""
        ...

    def predictions(self, task: TaskKey) -> Sequence[CopiedPrediction]:
        """Oldest first."""
        ...

    def predict(self, task: TaskKey, prediction: CopiedPrediction) -> None:
        """Creates or updates the task's prediction of this model version."""
        ...

    def serve_at_random(self, project_id: int) -> None:
        """Makes Label Studio serve the project's tasks in random order, if it served them in their order before."""
        ...


LoseObjects = Callable[[list[dict[str, object]], str, int, float], list[dict[str, object]]]
"""A prediction's result without some of its objects, from a frame on. Given: result, identity, frames, share."""


@dataclass(frozen=True, slots=True)
class GoldKeeper:
    """Adds gold tasks. random: 0..1, a new number at each call. now_s: wall clock."""

    source: CrowdTasks
    ledger: QualityLedger
    now_s: Callable[[], float]
    random: Callable[[], float]

    def add(self, project_id: int, task_id: int | None, annotation_id: int | None = None) -> list[GoldTask]:
        """Makes a task gold, or (None) all whose annotation is marked as ground truth in Label Studio.

        annotation_id: the one that is true; None: the newest one that is marked, or the task's only one. A task that is
        gold already gets the annotation's truth of now. Raises NotFound or InvalidInput.
        """
        listed = self.source.tasks(project_id, task_id)
        if task_id is None:
            chosen = [(each, each.truths[-1]) for each in listed if each.truths]
            if not chosen:
                raise NotFound(
                    f"project {project_id} has no annotation that is marked as ground truth; name the task whose "
                    "annotation is true: masklet crowd gold add PROJECT TASK"
                )
        else:
            if not listed:
                raise NotFound(f"task {task_id} of project {project_id} has no annotation; annotate it first")
            chosen = [(listed[0], _truth(listed[0], annotation_id))]
        return [self._add(each, truth) for each, truth in counted(chosen, "gold tasks")]

    def _add(self, listed: ListedTask, truth: Submission) -> GoldTask:
        with self.source.open(listed.task, [truth]) as opened:
            video = opened.videos[0].video
            frames = compared_frames(video.info.frame_count, offset=self.random())
            try:
                found = truth_of_video(video, frames)
            except InvalidInput as error:
                raise InvalidInput(f"task {listed.task}: annotation {truth.annotation_id}: {error}") from error
        gold = GoldTask(listed.task, listed.task, "", truth.annotation_id, found, self.now_s())
        self.ledger.put_gold(gold)
        return gold


def _truth(listed: ListedTask, annotation_id: int | None) -> Submission:
    """The annotation that is the truth. Raises NotFound or InvalidInput."""
    everything = (*listed.people, *listed.truths)
    if annotation_id is not None:
        found = next((each for each in everything if each.annotation_id == annotation_id), None)
        if found is None:
            numbers = ", ".join(str(each.annotation_id) for each in everything)
            raise NotFound(f"task {listed.task} has no annotation {annotation_id} that counts; it has {numbers}")
        return found
    if listed.truths:
        return listed.truths[-1]
    if len(everything) > 1:
        named = ", ".join(f"{each.annotation_id} of {each.user}" for each in everything)
        raise InvalidInput(f"task {listed.task} has several annotations ({named}); say which is true: --annotation N")
    return everything[0]


@dataclass(frozen=True, slots=True)
class GoldMixer:
    """Copies gold tasks among ordinary ones. shuffled: a random order of so many places. token: 40 new hex digits."""

    project: GoldProject
    ledger: QualityLedger
    lose: LoseObjects
    token: Callable[[], str]
    shuffled: Callable[[int], Sequence[int]]

    def mix(
        self, project_id: int, into: int, observations: Mapping[str, float], policy: GoldPolicy
    ) -> tuple[list[GoldTask], float]:
        """Tops up the copies in project `into`; returns the new ones, and the share that people should meet.

        project_id: with the gold tasks. observations: of gold masks, by person of project `into`. Raises NotFound
        without a gold task.
        """
        sources = [each for each in self.ledger.gold(project_id) if not each.is_copy]
        if not sources:
            raise NotFound(f"project {project_id} has no gold task; add one with `masklet crowd gold add {project_id}`")
        finished = self._finish_interrupted(into, policy)
        copies = [each for each in self.ledger.gold(into) if each.is_copy]
        gold_ids = {each.task.task_id for each in copies}
        gold_ids |= {each.task.task_id for each in sources if each.task.project_id == into}
        unworked = self.project.open_tasks(into)
        share = wanted_share(observations.values(), policy)
        count = copies_wanted(len(unworked - gold_ids), len(unworked & {each.task.task_id for each in copies}), share)
        used = [sum(copy.source == each.source for copy in copies) for each in sources]
        chosen = [sources[at] for at in in_turn(used, count)]
        order = self.shuffled(len(chosen))
        made = [self._copy(chosen[at], into, policy) for at in counted(order, "gold copies")]
        if made or finished:
            self.project.serve_at_random(into)
        return [*finished, *made], share

    def _copy(self, source: GoldTask, into: int, policy: GoldPolicy) -> GoldTask:
        newest = max(self.project.tasks(into), default=0)
        planned = replace(source, task=TaskKey(into, 0), key=f"{newest}-{self.token()}")
        self.ledger.put_gold(planned)
        return self._made(planned, self.project.create(into, self._data(planned)), policy)

    def _made(self, planned: GoldTask, task_id: int, policy: GoldPolicy) -> GoldTask:
        """Gives the copy its predictions, then names it in the ledger: without them it is not finished."""
        made = replace(planned, task=TaskKey(planned.task.project_id, task_id))
        for prediction in self.project.predictions(planned.source):
            if prediction.model_version != CONSENSUS:
                result = self.lose(prediction.result, planned.key, planned.truth.frame_count, policy.lost)
                self.project.predict(made.task, replace(prediction, result=result))
        self.ledger.put_gold(made)
        return made

    def _finish_interrupted(self, into: int, policy: GoldPolicy) -> list[GoldTask]:
        """Copies that the ledger names and of which it has no task: found in Label Studio by their data, or made."""
        finished = []
        for planned in (each for each in self.ledger.gold(into) if each.is_copy and not each.task.task_id):
            wanted = self._data(planned)
            after = int(planned.key.partition("-")[0])
            known = {each.task.task_id for each in self.ledger.gold(into)}
            same = (
                task_id
                for task_id, data in sorted(self.project.tasks(into).items())
                if task_id > after and task_id not in known and _unworked(data) == wanted
            )
            task_id = next(same, 0) or self.project.create(into, wanted)
            finished.append(self._made(planned, task_id, policy))
        return finished

    def _data(self, planned: GoldTask) -> Data:
        """The data of a copy: those of its source, with a key of its own if tasks have one. Raises NotFound."""
        data = self.project.tasks(planned.source.project_id).get(planned.source.task_id)
        if data is None:
            raise NotFound(
                f"the gold task {planned.source} is gone from Label Studio and cannot be copied; remove it with "
                f"`masklet crowd gold remove {planned.source.project_id} {planned.source.task_id}`"
            )
        copied = dict(_unworked(data))
        facts = copied.get(FACTS)
        if isinstance(facts, Mapping) and KEY in facts:
            token, number = planned.key.partition("-")[2], str(facts[KEY]).rpartition("-")[2]
            copied[FACTS] = {**facts, KEY: f"{token}-{number}"}
        return copied


def _unworked(data: Data) -> Data:
    return {name: value for name, value in data.items() if name not in WRITTEN_FIELDS}
