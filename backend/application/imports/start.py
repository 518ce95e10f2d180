"""Starts propagations of tasks whose prompts are from an import, not from an annotator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backend.application.annotation.annotation_service import AnnotationService, UserTask
from backend.application.imports.model import ExistingTask
from backend.domain.tasks import TaskKey


@dataclass(frozen=True, slots=True)
class TaskStarter:
    """The parts for starting a propagation. config_of: the label config with what it takes from a task's data.

    model_version: empty until a worker announces its model; prompts are then recorded only, and propagated when
    predictions are retrieved.
    """

    service: AnnotationService
    config_of: Callable[[Mapping[str, object]], str]
    model_version: str


def start_task(starting: TaskStarter, task: TaskKey, given: ExistingTask) -> None:
    """Records a task's prompts and starts their propagation; does nothing for a task with masks or prompts."""
    service = starting.service
    user_task = UserTask(task, given.media, starting.config_of(given.data), starting.model_version)
    if not starting.model_version:
        if not service.ledger.prompts(task):
            service.record(user_task, given.prompts)
        return
    service.pre_annotate(user_task, given.prompts)
