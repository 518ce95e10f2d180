"""Housekeeping, put together: a setting says how long things are kept, Label Studio which tasks are still there."""

from __future__ import annotations

from dataclasses import dataclass

from backend.adapters.labelstudio.client import LabelStudioClient
from backend.application.housekeeping import Housekeeper
from backend.application.ledger_port import Ledger
from backend.application.mask_ports import MaskStore
from backend.application.notes import Notes
from backend.application.ports import Clock
from backend.application.requests import TaskKey
from backend.domain.errors import NotAllowed, NotFound
from backend.settings import Settings

DAY_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class LabelStudioTasks:
    """The TaskDirectory port."""

    client: LabelStudioClient

    def exists(self, task: TaskKey) -> bool:
        """Whether Label Studio has the task; one that it has in another project counts as there."""
        try:
            self.client.fetch_task(task)
        except NotFound:
            return False
        except NotAllowed:
            return True
        return True


def open_housekeeper(
    settings: Settings,
    *,
    ledger: Ledger,
    masks: MaskStore,
    notes: Notes,
    clock: Clock,
    label_studio: LabelStudioClient | None,
) -> Housekeeper | None:
    """None if everything is to be kept for ever."""
    if not settings.retention_days:
        return None
    tasks = None if label_studio is None else LabelStudioTasks(label_studio)
    return Housekeeper(ledger, masks, clock, tasks, retention_s=settings.retention_days * DAY_S, notes=notes)
