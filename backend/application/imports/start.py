"""Having a task carried that somebody else than an annotator prompted: an import, or a list of tasks that exist."""

from __future__ import annotations

from dataclasses import dataclass

from backend.application.annotation.annotation_service import AnnotationService, UserTask
from backend.domain.prompts import PromptSet
from backend.domain.tasks import MediaRef, TaskKey


@dataclass(frozen=True, slots=True)
class Starting:
    """What it takes to have prompts carried at once. model_version is empty while no worker has announced its model:
    prompts are then recorded, and carried when predictions are retrieved."""

    desk: AnnotationService
    label_config: str
    model_version: str


def start_task(starting: Starting, task: TaskKey, media: MediaRef, prompts: PromptSet) -> None:
    """Record a task's prompts and have them carried; does nothing to a task that has masks or prompts already."""
    desk = starting.desk
    if not starting.model_version:
        if not desk.ledger.prompts(task):
            desk.ledger.record_prompts(task, prompts)
        return
    desk.pre_annotate(UserTask(task, media, starting.label_config, starting.model_version), prompts)
