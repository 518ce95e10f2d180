"""Fingerprints of shown masks: each mask's digest and box, to recognise the mask when it comes back.

Label Studio sends Masklet's masks back among a person's own, even days later, from drafts, when their run may be
replaced. A fingerprint is small and suffices to recognise them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from backend.application.ports.key_value import KeyValueStore
from backend.codecs.coco_rle import box_rel, encode_mask
from backend.domain.geometry import BoolMask, Box
from backend.domain.masklets import EncodedMask, MaskRun
from backend.domain.prompts import FramePrompt, ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex

BOX_TOLERANCE_REL = 5e-4
"""Tolerance for boxes, relative: Label Studio rounds them in percent; a person moves them farther than this."""

MAX_FINGERPRINTS = 64
"""Stored answers per task: a mask of an older answer, replaced since, counts as a person's."""

ObjectFrame = tuple[ObjectId, FrameIndex]


@dataclass(slots=True)
class MaskFingerprints:
    """Digests and boxes (relative, 0..1) of masks by object and 0-based frame, and the objects' labels."""

    labels: dict[ObjectId, str] = field(default_factory=dict)
    digests: dict[ObjectFrame, set[str]] = field(default_factory=dict)
    boxes: dict[ObjectFrame, list[Box]] = field(default_factory=dict)

    def add_run(self, run: MaskRun) -> None:
        for masklet in run.masklets:
            self.labels.setdefault(masklet.object_id, masklet.label)
            for frame in masklet.frames:
                self.add((masklet.object_id, frame.frame_index), _digest(frame.mask), box_rel(frame.mask))

    def add(self, object_frame: ObjectFrame, digest: str, box: Box | None) -> None:
        self.digests.setdefault(object_frame, set()).add(digest)
        if box is not None:
            self.boxes.setdefault(object_frame, []).append(box)

    def has_mask(self, object_frame: ObjectFrame, mask: BoolMask) -> bool:
        """Whether exactly this mask was shown there. mask: [H, W] bool."""
        digests = self.digests.get(object_frame)
        return bool(digests) and _digest(encode_mask(mask)) in (digests or ())

    def has_box(self, object_frame: ObjectFrame, box: Box) -> bool:
        return any(near(box, known) for known in self.boxes.get(object_frame, ()))

    def repeats(self, prompt: FramePrompt) -> bool:
        """Whether the prompt is only a mask shown there, or the box around one."""
        object_frame = (prompt.object_id, prompt.frame_index)
        if prompt.points:
            return False
        if prompt.mask is not None:
            return self.has_mask(object_frame, prompt.mask)
        return prompt.box is not None and self.has_box(object_frame, prompt.box)


def save_fingerprints(key_values: KeyValueStore, task: TaskKey, run: MaskRun) -> None:
    """Stores the fingerprints of masks shown on a task; keeps MAX_FINGERPRINTS answers."""
    fingerprints = MaskFingerprints()
    fingerprints.add_run(run)
    if not fingerprints.digests:
        return
    body = json.dumps(fingerprints_to_json(fingerprints), separators=(",", ":"), sort_keys=True).encode()
    folder = _folder(task)
    key_values.write(f"{folder}/{hashlib.sha256(body).hexdigest()[:24]}", gzip.compress(body, 1, mtime=0))
    for surplus in key_values.names(folder)[MAX_FINGERPRINTS:]:
        key_values.remove(surplus)


def load_fingerprints(key_values: KeyValueStore, task: TaskKey, runs: Iterable[MaskRun] = ()) -> MaskFingerprints:
    """The fingerprints of a task's stored answers and of these runs."""
    fingerprints = MaskFingerprints()
    for run in runs:
        fingerprints.add_run(run)
    for _, body in key_values.values(_folder(task)):
        _read_into(fingerprints, json.loads(gzip.decompress(body)))
    return fingerprints


def fingerprints_of_json(document: dict[str, object]) -> MaskFingerprints:
    """The fingerprints that fingerprints_to_json wrote."""
    fingerprints = MaskFingerprints()
    _read_into(fingerprints, document)
    return fingerprints


def _folder(task: TaskKey) -> str:
    return f"shown/{task.project_id}-{task.task_id}"


def fingerprints_to_json(fingerprints: MaskFingerprints) -> dict[str, object]:
    """As JSON, one row per mask. Only the first row of an object and frame has a box."""
    rows = []
    for (object_id, frame_index), digests in fingerprints.digests.items():
        boxes = fingerprints.boxes.get((object_id, frame_index), [])
        sides = [round(side, 6) for b in boxes[:1] for side in (b.x0_rel, b.y0_rel, b.x1_rel, b.y1_rel)]
        for order, digest in enumerate(sorted(digests)):
            rows.append([object_id, int(frame_index), digest, sides if order == 0 else []])
    return {"labels": fingerprints.labels, "masks": rows}


def _read_into(fingerprints: MaskFingerprints, document: dict[str, object]) -> None:
    labels, rows = document["labels"], document["masks"]
    assert isinstance(labels, dict), "written by fingerprints_to_json"
    assert isinstance(rows, list), "written by fingerprints_to_json"
    for object_id, label in labels.items():
        fingerprints.labels.setdefault(ObjectId(object_id), label)
    for object_id, frame_index, digest, sides in rows:
        fingerprints.add((ObjectId(object_id), FrameIndex(frame_index)), digest, Box(*sides) if sides else None)


def _digest(encoded: EncodedMask) -> str:
    text = f"{encoded.height},{encoded.width},{encoded.counts}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def near(box: Box, known: Box) -> bool:
    sides = ("x0_rel", "y0_rel", "x1_rel", "y1_rel")
    return all(abs(float(getattr(box, side)) - float(getattr(known, side))) <= BOX_TOLERANCE_REL for side in sides)
