"""A run's header and frames as JSON, and back. The shape is this file's; nobody else reads those files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import NotRequired, TypedDict

from backend.domain.errors import IntegrityError
from backend.domain.frame_times import FrameTimes
from backend.domain.geometry import Box, FrameSize, Point
from backend.domain.masklets import EncodedMask, FrameEvidence, MaskletFrame, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.video import ContentHash, FrameIndex, VideoInfo


class HeaderRecord(TypedDict):
    """times: FrameTimes.packed; not there if they are not known, or an earlier version wrote the run."""

    version: int
    content_hash: str
    size: tuple[int, int]
    frame_count: int
    frame_rate: tuple[int, int]
    variable_rate: bool
    rotation: int
    truncated: bool
    labels: list[tuple[str, str]]
    times: NotRequired[str]


class EvidenceRecord(TypedDict):
    """The fields of FrameEvidence; centroid [x, y] and box [x0, y0, x1, y1] relative, null for an empty mask.

    The fields that need not be there are missing from what earlier versions wrote.
    """

    predicted_ious: list[float]
    presence_logit: float
    stability: float
    soft_iou: float
    area_rel: float
    centroid: tuple[float, float] | None
    box: tuple[float, float, float, float] | None
    components: int
    boundary_entropy: NotRequired[float]
    candidate_disagreement: NotRequired[float]
    embedding: NotRequired[list[float]]


class FrameRecord(TypedDict):
    """size is [height, width], counts COCO's compressed run lengths. undecodable: there only where it is true."""

    object: str
    frame: int
    origin: str
    uncertainty: float
    size: tuple[int, int]
    counts: str
    evidence: EvidenceRecord
    undecodable: NotRequired[bool]


FORMAT = 1

_BEFORE_NAME, _AFTER_NAME = b'{"object":"', b'","frame":'


def dump_header(video: VideoInfo, labels: Mapping[ObjectId, str]) -> str:
    record: HeaderRecord = {
        "version": FORMAT,
        "content_hash": video.content_hash,
        "size": (video.size.width, video.size.height),
        "frame_count": video.frame_count,
        "frame_rate": (video.frame_rate.numerator, video.frame_rate.denominator),
        "variable_rate": video.variable_rate,
        "rotation": video.rotation,
        "truncated": video.truncated,
        "labels": [(str(object_id), label) for object_id, label in labels.items()],
    }
    if video.times is not None:
        record["times"] = video.times.packed()
    return json.dumps(record)


def load_header(run: str, body: bytes) -> tuple[VideoInfo, dict[ObjectId, str]]:
    """Raises IntegrityError for a header that is damaged or of another version."""
    try:
        record: HeaderRecord = json.loads(body)
        if record["version"] != FORMAT:
            raise IntegrityError(f"run {run!r} was written by another version of Masklet; run the job again")
        video = VideoInfo(
            ContentHash(record["content_hash"]),
            FrameSize(*record["size"]),
            record["frame_count"],
            Fraction(*record["frame_rate"]),
            variable_rate=record["variable_rate"],
            rotation=record["rotation"],
            truncated=record["truncated"],
            times=FrameTimes.unpacked(record["times"]) if "times" in record else None,
        )
        return video, {ObjectId(object_id): label for object_id, label in record["labels"]}
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"the header of run {run!r} is damaged; run the job again") from error


def dump_frame(object_id: ObjectId, frame: MaskletFrame) -> str:
    """One line, without its end."""
    evidence = frame.evidence
    record: FrameRecord = {
        "object": str(object_id),
        "frame": int(frame.frame_index),
        "origin": str(frame.origin),
        "uncertainty": float(frame.uncertainty),
        "size": (frame.mask.height, frame.mask.width),
        "counts": frame.mask.counts,
        "evidence": {
            "predicted_ious": [float(iou) for iou in evidence.predicted_ious],
            "presence_logit": float(evidence.presence_logit),
            "stability": float(evidence.stability),
            "soft_iou": float(evidence.soft_iou),
            "area_rel": float(evidence.area_rel),
            "centroid": _point(evidence.centroid),
            "box": _box(evidence.box),
            "components": int(evidence.components),
            "boundary_entropy": float(evidence.boundary_entropy),
            "candidate_disagreement": float(evidence.candidate_disagreement),
            "embedding": [float(value) for value in evidence.embedding],
        },
    }
    if frame.undecodable:
        record["undecodable"] = True
    return json.dumps(record, separators=(",", ":"))


def key_of(line: bytes) -> tuple[ObjectId, FrameIndex]:
    """Whose mask a line holds and on which frame, without reading the mask. Raises IntegrityError."""
    # Inside a JSON string every quote follows a backslash, so that these bytes end the object's name.
    end = line.find(_AFTER_NAME)
    try:
        if not line.startswith(_BEFORE_NAME) or end < 0:
            record: FrameRecord = json.loads(line)
            return ObjectId(record["object"]), FrameIndex(record["frame"])
        start = end + len(_AFTER_NAME)
        name: str = json.loads(line[len(_BEFORE_NAME) - 1 : end + 1])
        return ObjectId(name), FrameIndex(int(line[start : line.index(b",", start)]))
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError("a stored mask is not readable; run the job again") from error


def load_frame(line: bytes) -> tuple[ObjectId, MaskletFrame]:
    """Raises IntegrityError for a line that is not what `dump_frame` writes."""
    try:
        record: FrameRecord = json.loads(line)
        evidence = record["evidence"]
        centroid, box = evidence["centroid"], evidence["box"]
        frame = MaskletFrame(
            FrameIndex(record["frame"]),
            EncodedMask(record["size"][0], record["size"][1], record["counts"]),
            FrameEvidence(
                predicted_ious=tuple(evidence["predicted_ious"]),
                presence_logit=evidence["presence_logit"],
                stability=evidence["stability"],
                soft_iou=evidence["soft_iou"],
                area_rel=evidence["area_rel"],
                centroid=None if centroid is None else Point(*centroid),
                box=None if box is None else Box(*box),
                components=evidence["components"],
                boundary_entropy=evidence.get("boundary_entropy", 0.0),
                candidate_disagreement=evidence.get("candidate_disagreement", 0.0),
                embedding=tuple(evidence.get("embedding", ())),
            ),
            MaskOrigin(record["origin"]),
            record["uncertainty"],
            record.get("undecodable", False),
        )
        return ObjectId(record["object"]), frame
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError("a stored mask is not readable; run the job again") from error


def _point(point: Point | None) -> tuple[float, float] | None:
    return None if point is None else (float(point.x_rel), float(point.y_rel))


def _box(box: Box | None) -> tuple[float, float, float, float] | None:
    if box is None:
        return None
    return float(box.x0_rel), float(box.y0_rel), float(box.x1_rel), float(box.y1_rel)
