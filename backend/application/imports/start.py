"""Starts propagations of tasks whose prompts are from an import, not from an annotator."""

from __future__ import annotations

from dataclasses import dataclass

from backend.application.annotation.annotation_service import AnnotationService, UserTask
from backend.domain.prompts import PromptSet
from backend.domain.tasks import MediaRef, TaskKey


@dataclass(frozen=True, slots=True)
class TaskStarter:
    """The parts for starting a propagation. model_version: empty until a worker announces its model; prompts are then
    recorded only, and propagated when predictions are retrieved."""

    service: AnnotationService
    label_config: str
    model_version: str


def start_task(starting: TaskStarter, task: TaskKey, media: MediaRef, prompts: PromptSet) -> None:
    """Records a task's prompts and starts their propagation; does nothing for a task with masks or prompts."""
    service = starting.service
    user_task = UserTask(task, media, starting.label_config, starting.model_version)
    if not starting.model_version:
        if not service.ledger.prompts(task):
            service.record(user_task, prompts)
        return
    service.pre_annotate(user_task, prompts)
