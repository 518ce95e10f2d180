"""A crowd's annotated tasks in memory, in place of Label Studio."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from backend.application.crowd.quality.crowd_tasks import ListedTask, OpenTask, SubmittedVideo
from backend.domain.crowd.agreement_measured import Submission
from backend.domain.errors import InvalidInput
from backend.domain.tasks import MediaRef, TaskKey
from tests.fakes.annotations import Annotation

PROJECT = 3


@dataclass
class MemoryCrowd:
    """A CrowdTasks. annotations: of each task, by number: the person and the annotation. unreadable: tasks that fail.

    truths: numbers of annotations that are marked as ground truth. opened: the tasks that were read.
    """

    annotations: dict[int, dict[int, tuple[str, Annotation]]] = field(default_factory=dict)
    truths: set[int] = field(default_factory=set)
    unreadable: set[int] = field(default_factory=set)
    opened: list[int] = field(default_factory=list)
    versions: dict[int, int] = field(default_factory=dict)

    def submit(self, task: int, number: int, user: str, annotation: Annotation) -> None:
        self.annotations.setdefault(task, {})[number] = (user, annotation)
        self.versions[number] = self.versions.get(number, 0) + 1

    def tasks(self, project_id: int, task_id: int | None = None) -> Sequence[ListedTask]:
        return [
            self._listed(TaskKey(project_id, task), of)
            for task, of in sorted(self.annotations.items())
            if task_id in (None, task)
        ]

    def _listed(self, task: TaskKey, of: dict[int, tuple[str, Annotation]]) -> ListedTask:
        state = " ".join(f"{number}:{self.versions[number]}:{number in self.truths}" for number in of)
        submitted = [Submission(user, number, 1000.0 + number) for number, (user, _) in sorted(of.items())]
        people = tuple(each for each in submitted if each.annotation_id not in self.truths)
        truths = tuple(each for each in submitted if each.annotation_id in self.truths)
        return ListedTask(task, f"task {task.task_id}", state, people, truths)

    @contextmanager
    def open(self, task: TaskKey, submissions: Sequence[Submission]) -> Iterator[OpenTask]:
        if task.task_id in self.unreadable:
            raise InvalidInput(f"task {task.task_id} cannot be read")
        self.opened.append(task.task_id)
        of = self.annotations[task.task_id]
        videos = tuple(SubmittedVideo(each, of[each.annotation_id][1]) for each in submissions)
        yield OpenTask(videos, MediaRef(("/data/0.png",), is_pages=True), "<View/>")
