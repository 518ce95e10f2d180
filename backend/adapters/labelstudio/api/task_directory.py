"""The TaskDirectory port on Label Studio's API."""

from __future__ import annotations

from dataclasses import dataclass

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.domain.errors import NotAllowed, NotFound
from backend.domain.tasks import TaskKey


@dataclass(frozen=True, slots=True)
class LabelStudioTasks:
    """The TaskDirectory port."""

    client: LabelStudioClient

    def exists(self, task: TaskKey) -> bool:
        """Whether Label Studio has the task, in any project."""
        try:
            self.client.fetch_task(task)
        except NotFound:
            return False
        except NotAllowed:
            return True
        return True
