"""User tasks of an import's tasks, for the handover between segments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from backend.adapters.labelstudio.api.client import TaskRecord
from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.config.task_data import with_task_data
from backend.adapters.labelstudio.reading.task import media_of_task
from backend.application.annotation.annotation_service import UserTask
from backend.application.imports.model import BatchItem
from backend.domain.tasks import TaskKey


class TaskReader(Protocol):
    """Reads tasks and label configs from Label Studio."""

    def fetch_task(self, task: TaskKey) -> TaskRecord: ...

    def label_config(self, project_id: int) -> str: ...


@dataclass(frozen=True, slots=True)
class LabelStudioTaskLookup:
    """The TaskLookup port on Label Studio's API."""

    label_studio: TaskReader

    def user_task(self, item: BatchItem, model_version: str) -> UserTask:
        """The user task of an import's item."""
        data = self.label_studio.fetch_task(item.task).data
        config = with_task_data(self.label_studio.label_config(item.project_id), data)
        media = media_of_task({"data": data}, read_binding(config), task_id=item.task_id)
        return UserTask(item.task, media, config, model_version)
