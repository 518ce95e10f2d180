"""The CrowdTasks port on Label Studio's API: who annotated which task, and their annotations as labelled videos."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from backend.adapters.labelstudio.api.annotations import AnnotationRecord, Annotations, author_of
from backend.adapters.labelstudio.api.project_source import ProjectSource
from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.config.task_data import with_task_data
from backend.adapters.labelstudio.reading.fields import wall_clock_s
from backend.adapters.labelstudio.reading.labelled import LabelledTask
from backend.adapters.labelstudio.reading.task import media_of_task
from backend.application.crowd.quality.crowd_tasks import ListedTask, OpenTask, SubmittedVideo
from backend.application.ports.datasets import DatasetEntry
from backend.application.ports.progress import counted
from backend.domain.crowd.agreement_measured import Submission
from backend.domain.tasks import TaskKey

Open = Callable[[int, int | None], ProjectSource]
"""The source of a project, or of one of its tasks, with an entry for each annotation."""


@dataclass(frozen=True, slots=True)
class LabelStudioCrowd:
    """A CrowdTasks."""

    source: Open

    def tasks(self, project_id: int, task_id: int | None = None) -> list[ListedTask]:
        """Those with an annotation that was not cancelled, by number. task_id: only this one."""
        source = self.source(project_id, task_id)
        names = source.annotated_tasks()
        annotations = Annotations(source.session)
        return [
            _listed(TaskKey(project_id, number), names[number], annotations.of_task(TaskKey(project_id, number)))
            for number in counted(names, "listed tasks")
        ]

    @contextmanager
    def open(self, task: TaskKey, submissions: Sequence[Submission]) -> Iterator[OpenTask]:
        """Raises InvalidInput naming the task and what cannot be read."""
        source = self.source(task.project_id, task.task_id)
        with ExitStack() as stack:
            videos = [
                stack.enter_context(source.open(DatasetEntry(f"{task.task_id}/{each.annotation_id}", "")))
                for each in submissions
            ]
            yield _open(task, submissions, videos)


def _open(task: TaskKey, submissions: Sequence[Submission], videos: Sequence[LabelledTask]) -> OpenTask:
    origin = videos[0].task
    binding = read_binding(with_task_data(origin.label_config, origin.data))
    media = media_of_task({"data": dict(origin.data)}, binding, task_id=task.task_id)
    submitted = (SubmittedVideo(each, video) for each, video in zip(submissions, videos, strict=True))
    return OpenTask(tuple(submitted), media, with_task_data(origin.label_config, origin.data))


def _listed(task: TaskKey, name: str, annotations: Sequence[AnnotationRecord]) -> ListedTask:
    """annotations: oldest first. Of one person the newest counts."""
    kept = [each for each in annotations if not each.was_cancelled]
    newest = {_user(each): _submission(each) for each in kept if not each.is_ground_truth}
    people = sorted(newest.values(), key=lambda each: each.annotation_id)
    truths = tuple(_submission(each) for each in kept if each.is_ground_truth)
    parts = "\n".join(f"{each.annotation_id} {each.updated_at} {each.is_ground_truth}" for each in kept)
    state = hashlib.sha256(parts.encode()).hexdigest()[:32]
    return ListedTask(task, name, state, tuple(people), truths)


def _submission(annotation: AnnotationRecord) -> Submission:
    return Submission(_user(annotation), annotation.annotation_id, wall_clock_s(annotation.updated_at) or 0.0)


def _user(annotation: AnnotationRecord) -> str:
    """The author as verdicts and the player name them; a user whose name is not known, by number."""
    return author_of(annotation) or f"user {annotation.user or 'unknown'}"
