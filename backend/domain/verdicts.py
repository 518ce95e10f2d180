"""Verdicts: what a person says of the masks of an object, or of a whole task."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from backend.domain.prompts import ObjectId


class Verdict(StrEnum):
    """SATISFACTORY: the masks are right. REDO: prompt or draw again. REJECT: of no use. SKIPPED: not worked on."""

    SATISFACTORY = "satisfactory"
    REDO = "redo"
    REJECT = "reject"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class GivenVerdict:
    """object_id: None for the whole task. masks: the digest of the masks that the verdict was given for."""

    object_id: ObjectId | None
    verdict: Verdict
    comment: str
    masks: str
