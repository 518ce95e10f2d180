"""Wiring of retention: a setting says how long jobs are kept, Label Studio which tasks still exist."""

from __future__ import annotations

from backend.adapters.labelstudio.api.task_directory import LabelStudioTasks
from backend.application.jobs.retention import Housekeeper
from backend.bootstrap.container import Container

DAY_S = 24 * 3600.0


def open_housekeeper(container: Container) -> Housekeeper | None:
    """None if MASKLET_RETENTION_DAYS is 0: everything is kept."""
    retention_s = container.settings.retention_days * DAY_S
    if not retention_s:
        return None
    tasks = None if container.label_studio is None else LabelStudioTasks(container.label_studio)
    return Housekeeper(
        container.ledger,
        container.masks,
        container.clock,
        tasks,
        retention_s=retention_s,
        key_values=container.key_values,
    )
