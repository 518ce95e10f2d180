"""Wiring of the web process's background work: the handover between segments, retention, and the sweep of leftovers."""

from __future__ import annotations

from backend.adapters.labelstudio.api.task_directory import LabelStudioTasks
from backend.adapters.labelstudio.api.task_lookup import LabelStudioTaskLookup, TaskReader
from backend.application.annotation.annotation_service import AnnotationService
from backend.application.imports.model import BatchRecords
from backend.application.imports.segment_handover import Handover
from backend.application.jobs.leftovers import Leftovers
from backend.application.jobs.retention import Housekeeper
from backend.bootstrap.container import Container
from backend.codecs.coco_rle import CocoCodec

DAY_S = 24 * 3600.0


def open_handover(label_studio: TaskReader, records: BatchRecords, service: AnnotationService) -> Handover:
    return Handover(records, service, CocoCodec(), LabelStudioTaskLookup(label_studio))


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


def open_leftovers(container: Container) -> Leftovers:
    return Leftovers(container.masks, container.key_values, container.clock)
