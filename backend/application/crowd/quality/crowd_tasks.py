"""Where the annotations of a crowd are from."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from backend.application.exports import export as exports
from backend.application.ports.datasets import DatasetVideo
from backend.domain.crowd.agreement_measured import Submission
from backend.domain.errors import MediaUnreachable, NotAllowed
from backend.domain.tasks import MediaRef, TaskKey

FAULTS = (*exports.FAULTS, MediaUnreachable, NotAllowed)
"""Faults of a single task."""


@dataclass(frozen=True, slots=True)
class SubmittedVideo:
    """A submission, open for reading."""

    submission: Submission
    video: DatasetVideo


@dataclass(frozen=True, slots=True)
class ListedTask:
    """A task with annotations. state: another text after every change of its annotations.

    people: the newest submission of each person, oldest first, without those in `truths`. truths: the annotations that
    are marked as ground truth, oldest first.
    """

    task: TaskKey
    name: str
    state: str
    people: tuple[Submission, ...]
    truths: tuple[Submission, ...]


@dataclass(frozen=True, slots=True)
class OpenTask:
    """The annotations of a task that were asked for, and what its regions are written with."""

    videos: tuple[SubmittedVideo, ...]
    media: MediaRef
    label_config: str


class CrowdTasks(Protocol):
    """The annotated tasks of a project. Raises LabelStudioUnavailable, LabelStudioRefused, NotFound or InvalidInput."""

    def tasks(self, project_id: int, task_id: int | None = None) -> Sequence[ListedTask]:
        """Those with an annotation that was not cancelled, by number. task_id: only this one."""
        ...

    def open(self, task: TaskKey, submissions: Sequence[Submission]) -> AbstractContextManager[OpenTask]:
        """Raises InvalidInput naming the task and what cannot be read."""
        ...
