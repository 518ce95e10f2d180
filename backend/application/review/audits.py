"""Audits: the masks and uncertainties of randomly drawn frames, and how people corrected them.

Owns the record. An audit counts when its correction task is submitted: an unchanged mask counts as right, a deleted
mask as wrong. The record has the shown mask with its uncertainty, because its run may be gone by then. After several
submissions, the last one counts.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.masks import MaskCodec
from backend.domain.audits import AuditedMask, AuditTally, tally
from backend.domain.geometry import mask_iou
from backend.domain.masklets import EncodedMask, MaskRun
from backend.domain.prompts import PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.uncertainty.calibration import is_probability

if TYPE_CHECKING:
    from backend.application.review.correction_tasks import Corrected

logger = logging.getLogger(__name__)

FOLDER = "audits"


class _MaskRecord(TypedDict):
    label: str
    uncertainty: float
    size: tuple[int, int]
    counts: str
    iou: float | None


class _Record(TypedDict):
    project: int
    model_version: str
    masks: list[_MaskRecord]


@dataclass(frozen=True, slots=True)
class Audits:
    """The audit records, in the key-value store."""

    key_values: KeyValueStore

    def draw(self, corrected: Corrected, page: MaskRun, model_version: str) -> None:
        """Records a new audit frame. page: its masks, as a run of one page.

        Only propagated masks are audited. A frame that was drawn before keeps its first record.
        """
        if self.key_values.read(_name(corrected)) is not None:
            return
        masks: list[_MaskRecord] = [
            {
                "label": masklet.label,
                "uncertainty": frame.uncertainty,
                "size": (frame.mask.height, frame.mask.width),
                "counts": frame.mask.counts,
                "iou": None,
            }
            for masklet in page.masklets
            for frame in masklet.frames
            if not frame.origin.is_by_person
        ]
        self._write(corrected, {"project": corrected.task.project_id, "model_version": model_version, "masks": masks})

    def settle(self, corrected: Corrected, drawn: PromptSet, codec: MaskCodec) -> bool:
        """Compares shown and drawn masks of a submitted correction task; returns whether it was an audit.

        drawn: prompts of the correction task, by label. A label without a drawn mask means that the object is absent.
        Masks that cannot be compared (clicks, another image size) stay undecided.
        """
        record = self._read(_name(corrected))
        if record is None:
            return False
        for mask in record["masks"]:
            encoded = EncodedMask(*mask["size"], mask["counts"])
            of_label = [prompt for prompt in drawn if drawn.labels[prompt.object_id] == mask["label"]]
            shapes_fit = all(prompt.mask is not None and prompt.mask.shape == mask["size"] for prompt in of_label)
            same_label = sum(other["label"] == mask["label"] for other in record["masks"])
            if not shapes_fit or same_label > 1:
                logger.info("audit of frame %s of task %s: %r cannot be compared", *_where(corrected), mask["label"])
                continue
            truth = np.zeros(mask["size"], np.bool_)
            for prompt in of_label:
                if prompt.mask is not None:
                    truth |= prompt.mask
            mask["iou"] = mask_iou(codec.decode(encoded), truth)
        self._write(corrected, record)
        return True

    def tallies(self, project_id: int | None = None) -> Mapping[str, AuditTally]:
        """The tallies by model version, of one project or all; versions without a compared mask are left out."""
        found: dict[str, list[AuditedMask]] = {}
        for name, body in self.key_values.values(FOLDER):
            record = _record_of(name, body)
            if record is not None and project_id in (None, record["project"]):
                settled = [AuditedMask(m["uncertainty"], m["iou"]) for m in record["masks"] if m["iou"] is not None]
                found.setdefault(record["model_version"], []).extend(settled)
        return {
            version: tally(masks, is_probability=is_probability(version))
            for version, masks in sorted(found.items())
            if masks
        }

    def _read(self, name: str) -> _Record | None:
        body = self.key_values.read(name)
        return None if body is None else _record_of(name, body)

    def _write(self, corrected: Corrected, record: _Record) -> None:
        self.key_values.write(_name(corrected), json.dumps(record).encode())


def _record_of(name: str, body: bytes) -> _Record | None:
    try:
        record: _Record = json.loads(body)
        for mask in record["masks"]:
            mask["size"] = (mask["size"][0], mask["size"][1])
        return record
    except (ValueError, KeyError, TypeError, IndexError):
        logger.warning("the record %s is not readable and is ignored", name)
        return None


def _name(corrected: Corrected) -> str:
    task: TaskKey = corrected.task
    return f"{FOLDER}/{task.project_id}-{task.task_id}-{corrected.frame_index}"


def _where(corrected: Corrected) -> tuple[int, TaskKey]:
    return int(corrected.frame_index), corrected.task
