"""Data set model: the objects of a video, their masks frame by frame, and the choice of exported frames.

An export keeps or drops whole frames: a frame that lacks one object's mask would teach a model that the object is
absent. A frame without any statement about an object is not part of a data set.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from backend.domain.errors import InvalidInput
from backend.domain.geometry import Box
from backend.domain.masklets import EncodedMask, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.video import FrameIndex


@dataclass(frozen=True, slots=True)
class DatasetObject:
    """One object of a video. number counts from 1 in the source's order and is the same in every format.

    color: #rrggbb, as Label Studio's page shows it; empty if there is none or another object of the label has it.
    """

    number: int
    object_id: ObjectId
    label: str
    color: str = ""


def with_label_colors(objects: Iterable[DatasetObject], colors: Mapping[str, str]) -> tuple[DatasetObject, ...]:
    """The objects, the first of each label in the label's colour. colors: #rrggbb by label."""
    seen: set[str] = set()
    found = []
    for item in objects:
        found.append(item if item.label in seen else replace(item, color=colors.get(item.label, "")))
        seen.add(item.label)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class LabelledMask:
    """One object on one frame.

    mask: at the video's resolution. box: relative coordinates, where the source has boxes only. Neither: the object is
    absent. uncertainty: 0..1, None if not estimated. approved: a person drew or submitted it. undecodable: the frame
    does not decode; the mask is of the last good picture before it.
    """

    item: DatasetObject
    mask: EncodedMask | None
    box: Box | None
    origin: MaskOrigin
    uncertainty: float | None
    approved: bool
    undecodable: bool = False

    @property
    def is_present(self) -> bool:
        return self.mask is not None or self.box is not None

    @property
    def selection_uncertainty(self) -> float:
        """The uncertainty for frame selection: 0 if approved, infinite if not estimated."""
        if self.approved:
            return 0.0
        return math.inf if self.uncertainty is None else self.uncertainty


@dataclass(frozen=True, slots=True)
class DatasetFrame:
    """One frame of a data set; objects in the order of their numbers, absent ones included."""

    frame_index: FrameIndex
    objects: tuple[LabelledMask, ...]

    @property
    def present(self) -> tuple[LabelledMask, ...]:
        return tuple(each for each in self.objects if each.is_present)


class FormatName(StrEnum):
    """The names of the data set formats."""

    DAVIS = "davis"
    SAV = "sav"
    YOUTUBEVIS = "youtubevis"
    COCO = "coco"
    MOT = "mot"
    MOTS = "mots"
    YOLO_SEG = "yolo-seg"
    YOLO = "yolo"
    BOXES_CSV = "boxes-csv"
    COCO_RLE = "coco-rle"
    OVERLAY = "overlay"
    GREENSCREEN = "greenscreen"
    LABELSTUDIO = "labelstudio"


class Keep(StrEnum):
    """Which frames an export keeps."""

    HUMAN = "human"
    ALL = "all"
    CERTAIN = "certain"


@dataclass(frozen=True, slots=True)
class FrameChoice:
    """human: a person drew or submitted every object of the frame. certain: no object's uncertainty exceeds limit."""

    keep: Keep = Keep.ALL
    limit: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `human`, `all` or `certain:LIMIT`. Raises InvalidInput naming the choices."""
        name, colon, limit = text.partition(":")
        if name == Keep.CERTAIN and colon:
            return cls(Keep.CERTAIN, _limit(limit))
        if name in (Keep.HUMAN, Keep.ALL) and not colon:
            return cls(Keep(name))
        raise InvalidInput(f"--frames takes human, all or certain:LIMIT (as in certain:0.3), not {text!r}")

    def keeps(self, frame: DatasetFrame) -> bool:
        if self.keep is Keep.ALL:
            return True
        if self.keep is Keep.HUMAN:
            return bool(frame.objects) and all(each.approved for each in frame.objects)
        return bool(frame.objects) and all(each.selection_uncertainty <= self.limit for each in frame.objects)

    def __str__(self) -> str:
        return f"{self.keep}:{self.limit:g}" if self.keep is Keep.CERTAIN else str(self.keep)


def _limit(text: str) -> float:
    try:
        limit = float(text)
    except ValueError:
        limit = math.nan
    if not 0.0 <= limit <= 1.0:
        raise InvalidInput(f"the uncertainty limit of --frames certain:LIMIT must lie within 0..1, got {text!r}")
    return limit


@dataclass(frozen=True, slots=True)
class AnnotatorChoice:
    """Which of a task's annotations count.

    ONE refuses tasks with several, EACH makes a video of each, NEWEST takes the last one, USER the last one of a
    person, BEST the one that agrees most with the others, CONSENSUS what more than half of them say, TRUSTED_CONSENSUS
    what they say weighted by the trust in each person. user: the number of that person in Label Studio; 0 for the other
    ways.
    """

    class Way(StrEnum):
        ONE = "one"
        NEWEST = "newest"
        EACH = "each"
        BEST = "best"
        CONSENSUS = "consensus"
        TRUSTED_CONSENSUS = "trusted-consensus"
        USER = "user"

    way: Way = Way.ONE
    user: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `one`, `newest`, `each` or a user's number. Raises InvalidInput naming the choices."""
        if text.isdecimal() and 0 < int(text) < 2**63:
            return cls(cls.Way.USER, int(text))
        ways = [way.value for way in cls.Way if way is not cls.Way.USER]
        if text in ways:
            return cls(cls.Way(text))
        raise InvalidInput(f"--annotator takes {', '.join(ways)} or the number of a Label Studio user, not {text!r}")

    def __str__(self) -> str:
        return str(self.user) if self.way is self.Way.USER else str(self.way)


FIRST_USE = "first use"
"""The order of classes if no label config and no file has one."""


class LabelsFrom(StrEnum):
    """The labels of a task that count. BOTH: its annotation, or its prediction without one."""

    ANNOTATIONS = "annotations"
    PREDICTIONS = "predictions"
    BOTH = "both"


def kinds_text(counts: Mapping[str, int]) -> str:
    """Counts by kind as text, such as "3 x keypoint, 1 x time range"; empty without any."""
    return ", ".join(f"{count} x {kind}" for kind, count in sorted(counts.items()))
