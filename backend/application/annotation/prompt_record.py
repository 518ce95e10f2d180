"""Prompt records: the prompts of a result, as JSON for people.

A record is not a prompt file: it has the hash of a mask, not the mask.
"""

from __future__ import annotations

import hashlib
from typing import NotRequired, TypedDict

import numpy as np

from backend.domain.prompts import FramePrompt, PromptSet


class PromptRecord(TypedDict):
    """points [x, y, polarity] and box [x0, y0, x1, y1] relative to the frame; mask_sha256 of the packed pixels.

    automatic: the score of a prompt that a program made; not there for a person's.
    """

    object: str
    label: str
    frame: int
    points: NotRequired[list[tuple[float, float, int]]]
    box: NotRequired[tuple[float, float, float, float]]
    mask_sha256: NotRequired[str]
    automatic: NotRequired[float]


class PromptsRecord(TypedDict):
    digest: str
    prompts: list[PromptRecord]


def prompts_record(prompts: PromptSet) -> PromptsRecord:
    """The prompts of a set, in its order, and its digest."""
    listed = [_record(prompt, prompts.labels.get(prompt.object_id, str(prompt.object_id))) for prompt in prompts]
    return {"digest": prompts.digest(), "prompts": listed}


def _record(prompt: FramePrompt, label: str) -> PromptRecord:
    record: PromptRecord = {"object": str(prompt.object_id), "label": label, "frame": int(prompt.frame_index)}
    if prompt.points:
        record["points"] = [(p.point.x_rel, p.point.y_rel, int(p.positive)) for p in prompt.points]
    if prompt.box is not None:
        record["box"] = (prompt.box.x0_rel, prompt.box.y0_rel, prompt.box.x1_rel, prompt.box.y1_rel)
    if prompt.mask is not None:
        packed = np.packbits(prompt.mask).tobytes()
        record["mask_sha256"] = hashlib.sha256(repr(prompt.mask.shape).encode() + packed).hexdigest()
    if prompt.automatic is not None:
        record["automatic"] = prompt.automatic
    return record
