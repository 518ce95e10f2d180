"""Objects that a detector finds in a picture by a text, such as "red car"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backend.domain.errors import InvalidInput
from backend.domain.geometry import Box, box_iou

MAX_TEXT_CHARS = 100
MOST_DETECTIONS = 30
"""The most objects of one text in a picture: each becomes an object that a person reviews."""

SAME_FROM_IOU = 0.7
"""The IoU of two boxes from which they are of one object."""


@dataclass(frozen=True, slots=True)
class Detection:
    """An object in a picture. box: relative to the picture. score: 0..1."""

    box: Box
    score: float


def detection_text(text: str) -> str:
    """The text without spaces around it and with single ones in it. Raises InvalidInput if it is empty or too long."""
    words = " ".join(text.split())
    if not words or len(words) > MAX_TEXT_CHARS or not words.isprintable():
        raise InvalidInput(
            f"a text to find objects by has 1 to {MAX_TEXT_CHARS} printable characters, such as: red car"
        )
    return words


def distinct_detections(
    detections: Iterable[Detection], known: Sequence[Box] = (), *, most: int = MOST_DETECTIONS
) -> tuple[Detection, ...]:
    """The detections without duplicates, best score first. known: boxes of objects that are there already."""
    kept: list[Detection] = []
    taken = list(known)
    for detection in sorted(detections, key=lambda found: -found.score):
        if len(kept) == most:
            break
        if all(box_iou(detection.box, box) < SAME_FROM_IOU for box in taken):
            kept.append(detection)
            taken.append(detection.box)
    return tuple(kept)
