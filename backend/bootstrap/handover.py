"""Wiring of the handover between segments, for the web process."""

from __future__ import annotations

from backend.adapters.labelstudio.api.task_lookup import LabelStudioTaskLookup, TaskReader
from backend.application.annotation.annotation_service import AnnotationService
from backend.application.imports.model import BatchRecords
from backend.application.imports.segment_handover import Handover
from backend.codecs.coco_rle import CocoCodec


def open_handover(label_studio: TaskReader, records: BatchRecords, service: AnnotationService) -> Handover:
    return Handover(records, service, CocoCodec(), LabelStudioTaskLookup(label_studio))
