"""Measurements of a crowd and the truth of gold tasks as JSON, for the ledger."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.domain.crowd.agreement import ObjectAgreement, pairs_of
from backend.domain.crowd.agreement_measured import MeasuredTask, Submission
from backend.domain.crowd.gold import GoldMask
from backend.domain.crowd.gold_truth import GoldTruth
from backend.domain.datasets import DatasetObject, LabelledMask
from backend.domain.geometry import Box, FrameSize
from backend.domain.masklets import EncodedMask, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import Verdict

DECIMALS = 4


def measured_json(measured: MeasuredTask) -> str:
    """A measured task without its number."""
    document = {
        "people": [[each.user, each.annotation_id, each.submitted_s] for each in measured.people],
        "objects": [
            {
                "label": each.label,
                "frames": list(each.frames),
                "iou": _numbers(each.iou),
                "boundary_f": _numbers(each.boundary_f),
                "present": each.present.astype(int).tolist(),
            }
            for each in measured.objects
        ],
        "gold": {
            user: [[mask.frame_index, mask.label, round(mask.iou, DECIMALS)] for mask in masks]
            for user, masks in measured.gold.items()
        },
        "verdicts": {
            user: {str(verdict): count for verdict, count in given.items()} for user, given in measured.verdicts.items()
        },
    }
    return json.dumps(document, separators=(",", ":"))


def measured_of(task: TaskKey, body: str) -> MeasuredTask:
    """The inverse of `measured_json`, with IoU and F rounded."""
    document: dict[str, Any] = json.loads(body)
    people = tuple(Submission(user, number, at_s) for user, number, at_s in document["people"])
    return MeasuredTask(
        task,
        people,
        tuple(_object(each, len(people)) for each in document["objects"]),
        {user: tuple(GoldMask(*mask) for mask in masks) for user, masks in document["gold"].items()},
        {
            user: {Verdict(name): int(count) for name, count in given.items()}
            for user, given in document["verdicts"].items()
        },
    )


def truth_json(truth: GoldTruth) -> str:
    """The truth of a gold task."""
    document = {
        "size": [truth.size.width, truth.size.height],
        "frame_count": truth.frame_count,
        "objects": [[each.number, str(each.object_id), each.label] for each in truth.objects],
        "frames": {str(index): [_shape(shown) for shown in frame] for index, frame in truth.frames.items()},
    }
    return json.dumps(document, separators=(",", ":"))


def truth_of(body: str) -> GoldTruth:
    """The inverse of `truth_json`."""
    document: dict[str, Any] = json.loads(body)
    size = FrameSize(*document["size"])
    objects = tuple(DatasetObject(number, ObjectId(name), label) for number, name, label in document["objects"])
    by_number = {each.number: each for each in objects}
    frames = {
        int(index): tuple(_labelled(by_number[number], mask, box) for number, mask, box in frame)
        for index, frame in document["frames"].items()
    }
    return GoldTruth(size, int(document["frame_count"]), objects, frames)


def _shape(shown: LabelledMask) -> list[object]:
    mask = None if shown.mask is None else [shown.mask.height, shown.mask.width, shown.mask.counts]
    box = shown.box
    sides = None if box is None else [box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel]
    return [shown.item.number, mask, sides]


def _labelled(item: DatasetObject, mask: list[Any] | None, box: list[float] | None) -> LabelledMask:
    encoded = None if mask is None else EncodedMask(*mask)
    return LabelledMask(item, encoded, None if box is None else Box(*box), MaskOrigin.HUMAN, 0.0, approved=True)


def _object(each: dict[str, Any], people: int) -> ObjectAgreement:
    count = len(each["frames"])
    columns = len(pairs_of(people))
    return ObjectAgreement(
        each["label"],
        tuple(each["frames"]),
        _values(each["iou"], (count, columns)),
        _values(each["boundary_f"], (count, columns)),
        np.array(each["present"], np.bool_).reshape(count, people),
    )


def _numbers(values: NDArray[np.float64]) -> list[list[float | None]]:
    """The rows; nan as null, which JSON has."""
    return [[None if np.isnan(value) else round(float(value), DECIMALS) for value in row] for row in values]


def _values(rows: list[list[float | None]], shape: tuple[int, int]) -> NDArray[np.float64]:
    return np.array([[np.nan if value is None else value for value in row] for row in rows], np.float64).reshape(shape)
