"""A project as one user of the player left it: the state of its tasks, and their counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend.application.ports.ledger import Ledger
from backend.application.ports.player_ledger import PromptCount
from backend.domain.jobs import JobKind, JobState
from backend.domain.tasks import SEVERAL_USERS, TaskKey
from backend.domain.verdicts import GivenVerdict, Verdict

JOBS_LOOKED_AT = 20


class TaskState(StrEnum):
    """UNTOUCHED: no prompts of the user. PROMPTED: prompts, and no propagation that ended by itself.

    RUNNING, DONE, FAILED: the user's newest propagation.
    """

    UNTOUCHED = "untouched"
    PROMPTED = "prompted"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


STATES_OF_JOBS: Mapping[JobState, TaskState] = {
    JobState.QUEUED: TaskState.RUNNING,
    JobState.RUNNING: TaskState.RUNNING,
    JobState.DONE: TaskState.DONE,
    JobState.FAILED: TaskState.FAILED,
}


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """One task. verdicts: the user's, on the whole task (object None) and on objects."""

    task: TaskKey
    state: TaskState
    objects: int
    human_frames: int
    verdicts: tuple[GivenVerdict, ...]


@dataclass(frozen=True, slots=True)
class ProjectSummary:
    """The user's prompts and verdicts in a project.

    tasks: those with prompts. task_verdicts: on whole tasks. object_verdicts: on objects.
    """

    tasks: int
    objects: int
    human_frames: int
    task_verdicts: Mapping[Verdict, int]
    object_verdicts: Mapping[Verdict, int]


@dataclass(frozen=True, slots=True)
class ProjectView:
    """One project, for one user."""

    ledger: Ledger
    project_id: int
    user: str

    def tasks(self, wanted: Sequence[TaskKey]) -> tuple[TaskProgress, ...]:
        """The progress of these tasks of the project, in this order."""
        counts = {count.task: count for count in self._counts()}
        verdicts = self.ledger.project_verdicts(self.project_id, user=self.user)
        return tuple(self._progress(task, counts.get(task), verdicts.get(task, ())) for task in wanted)

    def summary(self) -> ProjectSummary:
        """The counts over all tasks of the project."""
        counts = self._counts()
        given = [
            each
            for of_task in self.ledger.project_verdicts(self.project_id, user=self.user).values()
            for each in of_task
        ]
        return ProjectSummary(
            tasks=len(counts),
            objects=sum(count.objects for count in counts),
            human_frames=sum(count.human_frames for count in counts),
            task_verdicts=_counted(each.verdict for each in given if each.object_id is None),
            object_verdicts=_counted(each.verdict for each in given if each.object_id is not None),
        )

    def _counts(self) -> tuple[PromptCount, ...]:
        return self.ledger.prompt_counts(self.project_id, user=self.user)

    def _progress(self, task: TaskKey, count: PromptCount | None, verdicts: tuple[GivenVerdict, ...]) -> TaskProgress:
        if count is None:
            return TaskProgress(task, TaskState.UNTOUCHED, 0, 0, verdicts)
        return TaskProgress(task, self._state(task), count.objects, count.human_frames, verdicts)

    def _state(self, task: TaskKey) -> TaskState:
        """The state of a task with prompts."""
        for job in self.ledger.jobs(task=task, kind=JobKind.PROPAGATE, limit=JOBS_LOOKED_AT):
            if job.user in (self.user, SEVERAL_USERS):
                return STATES_OF_JOBS.get(job.state, TaskState.PROMPTED)
        return TaskState.PROMPTED


def _counted(verdicts: Iterator[Verdict]) -> dict[Verdict, int]:
    """The count of each verdict, also of those that nobody gave."""
    found = Counter(verdicts)
    return {verdict: found[verdict] for verdict in Verdict}
