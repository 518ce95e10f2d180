"""What a canvas was given: of every mask its digest and its box, so that it is known again when it comes back.

Label Studio sends our masks back among a person's own, days later and from drafts, when the run that they came from
may be long replaced. A trace is small, and enough to tell.
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
"""Boxes go through Label Studio in percent, rounded; a person's hand moves them farther than this."""

MAX_FINGERPRINTS = 64
"""Answers that are remembered for a task: a mask older than these and changed since counts as a person's."""

Spot = tuple[ObjectId, FrameIndex]


@dataclass(slots=True)
class MaskFingerprints:
    """Digests and boxes of masks by object and frame, and the objects' labels."""

    labels: dict[ObjectId, str] = field(default_factory=dict)
    digests: dict[Spot, set[str]] = field(default_factory=dict)
    boxes: dict[Spot, list[Box]] = field(default_factory=dict)

    def add_run(self, run: MaskRun) -> None:
        for masklet in run.masklets:
            self.labels.setdefault(masklet.object_id, masklet.label)
            for frame in masklet.frames:
                self.add((masklet.object_id, frame.frame_index), _digest(frame.mask), box_rel(frame.mask))

    def add(self, spot: Spot, digest: str, box: Box | None) -> None:
        self.digests.setdefault(spot, set()).add(digest)
        if box is not None:
            self.boxes.setdefault(spot, []).append(box)

    def has_mask(self, spot: Spot, mask: BoolMask) -> bool:
        """Whether exactly this mask was given there. mask: [H, W] bool."""
        digests = self.digests.get(spot)
        return bool(digests) and _digest(encode_mask(mask)) in (digests or ())

    def has_box(self, spot: Spot, box: Box) -> bool:
        return any(near(box, known) for known in self.boxes.get(spot, ()))

    def repeats(self, prompt: FramePrompt) -> bool:
        """Whether the prompt is only a mask, or the box around one, that was given there."""
        spot = (prompt.object_id, prompt.frame_index)
        if prompt.points:
            return False
        if prompt.mask is not None:
            return self.has_mask(spot, prompt.mask)
        return prompt.box is not None and self.has_box(spot, prompt.box)


def save_fingerprints(notes: KeyValueStore, task: TaskKey, run: MaskRun) -> None:
    """Remember that these masks were given to the task's canvas."""
    trace = MaskFingerprints()
    trace.add_run(run)
    if not trace.digests:
        return
    body = json.dumps(fingerprints_to_json(trace), separators=(",", ":"), sort_keys=True).encode()
    folder = _folder(task)
    notes.write(f"{folder}/{hashlib.sha256(body).hexdigest()[:24]}", gzip.compress(body, 1, mtime=0))
    for surplus in notes.names(folder)[MAX_FINGERPRINTS:]:
        notes.remove(surplus)


def load_fingerprints(notes: KeyValueStore, task: TaskKey, runs: Iterable[MaskRun] = ()) -> MaskFingerprints:
    """Everything that the task's canvas was given, by answers that were remembered and by these runs."""
    trace = MaskFingerprints()
    for run in runs:
        trace.add_run(run)
    for name in notes.names(_folder(task)):
        body = notes.read(name)
        if body is not None:
            _read_into(trace, json.loads(gzip.decompress(body)))
    return trace


def fingerprints_of_json(document: dict[str, object]) -> MaskFingerprints:
    """What trace_to_json wrote."""
    trace = MaskFingerprints()
    _read_into(trace, document)
    return trace


def _folder(task: TaskKey) -> str:
    return f"shown/{task.project_id}-{task.task_id}"


def fingerprints_to_json(trace: MaskFingerprints) -> dict[str, object]:
    """As JSON: a row for every mask; of several at one spot the first one's row has the box."""
    rows = []
    for (object_id, frame_index), digests in trace.digests.items():
        boxes = trace.boxes.get((object_id, frame_index), [])
        sides = [round(side, 6) for b in boxes[:1] for side in (b.x0_rel, b.y0_rel, b.x1_rel, b.y1_rel)]
        for order, digest in enumerate(sorted(digests)):
            rows.append([object_id, int(frame_index), digest, sides if order == 0 else []])
    return {"labels": trace.labels, "masks": rows}


def _read_into(trace: MaskFingerprints, document: dict[str, object]) -> None:
    labels, rows = document["labels"], document["masks"]
    assert isinstance(labels, dict), "written by trace_to_json"
    assert isinstance(rows, list), "written by trace_to_json"
    for object_id, label in labels.items():
        trace.labels.setdefault(ObjectId(object_id), label)
    for object_id, frame_index, digest, sides in rows:
        trace.add((ObjectId(object_id), FrameIndex(frame_index)), digest, Box(*sides) if sides else None)


def _digest(encoded: EncodedMask) -> str:
    text = f"{encoded.height},{encoded.width},{encoded.counts}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def near(box: Box, known: Box) -> bool:
    sides = ("x0_rel", "y0_rel", "x1_rel", "y1_rel")
    return all(abs(float(getattr(box, side)) - float(getattr(known, side))) <= BOX_TOLERANCE_REL for side in sides)
