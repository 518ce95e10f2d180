"""Tasks of an import, read from Label Studio for the handover between segments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from backend.adapters.labelstudio.api.client import TaskRecord
from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.reading.task import media_of_task
from backend.application.annotation.annotation_service import UserTask
from backend.application.imports.model import BatchItem
from backend.domain.tasks import TaskKey


class TaskReader(Protocol):
    """Label Studio, as far as it is read here."""

    def fetch_task(self, task: TaskKey) -> TaskRecord: ...

    def label_config(self, project_id: int) -> str: ...


@dataclass(frozen=True, slots=True)
class LabelStudioTaskLookup:
    """The Canvases port on Label Studio."""

    label_studio: TaskReader

    def user_task(self, item: BatchItem, model_version: str) -> UserTask:
        """See the Canvases port."""
        config = self.label_studio.label_config(item.project_id)
        data = dict(self.label_studio.fetch_task(item.task).data)
        media = media_of_task({"id": item.task_id, "data": data}, read_binding(config))
        return UserTask(item.task, media, config, model_version)
