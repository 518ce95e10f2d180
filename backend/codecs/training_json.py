"""Trainings as JSON: requests, progress, results and labels, for the ledger and for files.

Figures that do not exist are null in JSON and nan in values.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from backend.domain.training import HeldOutFigures, TrainedPart, TrainingProgress, TrainingResult
from backend.domain.training.rows import LeftOutVideo, TrainingRequest, UsedLabels, UsedVideo

Document = dict[str, Any]


def request_document(request: TrainingRequest) -> Document:
    return asdict(request)


def request_of(document: Mapping[str, Any]) -> TrainingRequest:
    return TrainingRequest(**{**document, "parts": TrainedPart(document["parts"])})


def progress_document(progress: TrainingProgress) -> Document:
    figures = {name: _finite(value) for name, value in progress.figures.items()}
    return {"phase": progress.phase, "share": progress.share, "figures": figures}


def progress_of(document: Mapping[str, Any]) -> TrainingProgress:
    figures = {str(name): _number(value) for name, value in document["figures"].items()}
    return TrainingProgress(str(document["phase"]), float(document["share"]), figures)


def result_document(result: TrainingResult) -> Document:
    document = asdict(result)
    for name in ("before", "after"):
        document[name] = {field: _finite(value) for field, value in document[name].items()}
    for name in ("gain", "gain_low", "gain_high"):
        document[name] = _finite(document[name])
    document["curve"] = [[_finite(value) for value in point] for point in result.curve]
    return document


def result_of(document: Mapping[str, Any]) -> TrainingResult:
    figures = {name: {field: _number(value) for field, value in document[name].items()} for name in ("before", "after")}
    numbers = {name: _number(document[name]) for name in ("gain", "gain_low", "gain_high")}
    curve = tuple((_number(minute), _number(loss), _number(held)) for minute, loss, held in document["curve"])
    before, after = HeldOutFigures(**figures["before"]), HeldOutFigures(**figures["after"])
    return TrainingResult(**{**document, **numbers, "before": before, "after": after, "curve": curve})


def labels_document(labels: UsedLabels) -> Document:
    return asdict(labels)


def labels_of(document: Mapping[str, Any]) -> UsedLabels:
    return UsedLabels(
        tuple(
            UsedVideo(**{**each, "annotators": tuple(each["annotators"]), "approvers": tuple(each["approvers"])})
            for each in document["videos"]
        ),
        tuple(LeftOutVideo(**each) for each in document["left_out"]),
    )


def compact(document: Document) -> str:
    """JSON without spaces. Raises ValueError for a figure that is not finite."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
