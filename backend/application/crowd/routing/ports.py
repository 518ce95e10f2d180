"""Label Studio, as routing in a crowd uses it, as a protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from backend.application.annotation.annotation_service import UserTask
from backend.domain.crowd.routing import Limits
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import MaskDigests, Verdict

STEP_FIELD = "crowd_step"
"""The field of a task's data that names its step (Step.name). The player finds the task by it."""

NOTE_FIELD = "crowd_note"
"""The field of a task's data that says what the person who does it shall know."""

FACTS = "masklet"
"""The field of a task's data with what Masklet knows of it."""

KEY, STEP, SIGNATURE = "key", "step", "step_signature"
"""Names in those facts: of an import's task, of a routed task, and the proof that Masklet routed it."""


@dataclass(frozen=True, slots=True)
class FoundTask:
    """A task of a project. step: the step that its data names; empty for a task that came in otherwise."""

    task_id: int
    step: str = ""


@dataclass(frozen=True, slots=True)
class TaskChange:
    """An annotated task and Label Studio's time of its last change."""

    task_id: int
    changed_at: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A saved annotation, as far as routing reads it. user: as the player names people; empty if unknown."""

    annotation_id: int
    user: str
    was_cancelled: bool
    updated_at: str
    verdict: Verdict | None = None
    limits: Limits | None = None
    comment: str = ""


class CrowdTasks(Protocol):
    """Tasks of a crowd's projects. Every call raises LabelStudioUnavailable, LabelStudioRefused or NotFound."""

    def changed(self, project_id: int, *, since: str, limit: int) -> tuple[TaskChange, ...]:
        """The annotated tasks changed at a time or later, the earliest change first. since: empty for all."""
        ...

    def after(self, project_id: int, task_id: int, *, limit: int) -> tuple[FoundTask, ...]:
        """The tasks with higher numbers, ascending."""
        ...

    def named(self, project_id: int, step: str) -> tuple[int, ...]:
        """The numbers of the tasks whose data name a step, ascending."""
        ...

    def submissions(self, task: TaskKey) -> tuple[Submission, ...]:
        """All saved annotations, oldest first."""
        ...

    def mask_digests(self, annotation_id: int) -> MaskDigests:
        """The digests of the masks that Masklet wrote into an annotation; empty if it wrote none or it is gone."""
        ...

    def data(self, task: TaskKey) -> Mapping[str, object]:
        """A task's data as they are stored."""
        ...

    def create(self, project_id: int, data: Mapping[str, object]) -> int:
        """Makes a task. The request is not repeated: it may have been executed although its answer was lost."""
        ...

    def remove(self, task: TaskKey) -> None: ...

    def write_note(self, task: TaskKey, note: str) -> None:
        """Writes the note into a task's data and keeps the rest."""
        ...

    def ask_more(self, task: TaskKey, *, people: int) -> None:
        """Keeps a task open until so many people have annotated it."""
        ...

    def user_task(self, task: TaskKey, model_version: str) -> UserTask:
        """The user task of nobody in particular, as the player opens it."""
        ...
