"""Housekeeping, put together: a setting says how long things are kept, Label Studio which tasks are still there."""

from __future__ import annotations

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.adapters.labelstudio.api.task_directory import LabelStudioTasks
from backend.application.jobs.retention import Housekeeper
from backend.application.ports.clock import Clock
from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskStore
from backend.settings import Settings

DAY_S = 24 * 3600.0


def open_housekeeper(
    settings: Settings,
    *,
    ledger: Ledger,
    masks: MaskStore,
    notes: KeyValueStore,
    clock: Clock,
    label_studio: LabelStudioClient | None,
) -> Housekeeper | None:
    """None if everything is to be kept for ever."""
    if not settings.retention_days:
        return None
    tasks = None if label_studio is None else LabelStudioTasks(label_studio)
    return Housekeeper(ledger, masks, clock, tasks, retention_s=settings.retention_days * DAY_S, notes=notes)
