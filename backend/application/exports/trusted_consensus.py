"""The consensus of several annotations of one video, weighted by trust, and the frames on which people disagree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations

import numpy as np

from backend.application.exports.agreement import Group, pixels_of
from backend.application.exports.consensus import ConsensusVideo, Said
from backend.application.ports.datasets import DatasetVideo, ManifestEntry
from backend.application.ports.masks import MaskCodec
from backend.domain.crowd.adjudication import Disagreement, conflicts_of
from backend.domain.crowd.consensus import (
    Statements,
    consensus_box,
    consensus_of,
    who_agrees,
    whose_boxes_agree,
)
from backend.domain.crowd.estimates import Estimate
from backend.domain.crowd.trust_agreement import MOST_PEOPLE, Flags, RightProbabilities, right_over_time
from backend.domain.datasets import DatasetFrame, DatasetObject, LabelledMask
from backend.domain.geometry import BoolMask, Box, mask_iou
from backend.domain.masklets import MaskOrigin
from backend.domain.video import FrameIndex

Item = tuple[DatasetObject, Group]


@dataclass(frozen=True, slots=True)
class _Object:
    """An object on one frame, as each annotation has it, and what follows from it. boxes: only boxes are given."""

    item: DatasetObject
    shown: Said
    statements: Statements
    boxes: bool


@dataclass(frozen=True, slots=True)
class _Frame:
    index: FrameIndex
    objects: tuple[_Object, ...]
    approved: bool


class TrustedConsensusVideo(ConsensusVideo):
    """A DatasetVideo. videos: at least one, oldest first. trust: in each annotation's person, in their order.

    An object is kept if those who have it are together more trusted than those who have not. A mask's uncertainty is
    1 - its expected IoU with the truth. A frame is approved as in ConsensusVideo.
    """

    def __init__(
        self,
        videos: Sequence[DatasetVideo],
        codec: MaskCodec,
        trust: Sequence[Estimate],
        *,
        groups: Sequence[Group] | None = None,
    ) -> None:
        """groups: which objects are the same; None: those that overlap most."""
        self._estimates = trust
        self._trust = [each.mean for each in trust]
        super().__init__(videos, codec, groups=groups)

    @property
    def provenance(self) -> ManifestEntry:
        """trust: in each annotation's person, with its 95 % interval and the number of observations."""
        plain = super().provenance
        listed = plain["annotations"]
        assert isinstance(listed, list)
        trusted = [{**entry, "trust": each.document()} for entry, each in zip(listed, self._estimates, strict=True)]
        return {**plain, "kind": "trusted consensus", "annotations": trusted}

    @property
    def left_out(self) -> tuple[DatasetObject, ...]:
        """The objects that are not kept; their numbers go on after those of `objects`."""
        return tuple(item for item, _ in self._left_out)

    def frames(self) -> Iterator[DatasetFrame]:
        for frame, voted in self._voted(self._items):
            yield DatasetFrame(frame.index, voted)

    def with_disagreements(self) -> Iterator[tuple[DatasetFrame, tuple[Disagreement, ...]]]:
        """The frames, each with how far people disagree on each object, also on those that are left out."""
        for frame, voted in self._voted(self._everything):
            found = (
                _disagreement(mask, each.statements.masks, int(frame.index))
                for mask, each in zip(voted, frame.objects, strict=True)
            )
            yield DatasetFrame(frame.index, voted[: len(self._items)]), tuple(found)

    @property
    def _everything(self) -> list[Item]:
        return [*self._items, *self._left_out]

    def _voted(self, items: Sequence[Item]) -> Iterator[tuple[_Frame, tuple[LabelledMask, ...]]]:
        """Each frame with its consensus, from the frames before and after it too. Three frames are held at a time."""
        before: _Frame | None = None
        frame: _Frame | None = None
        for after in chain(self._read(items), [None]):
            if frame is not None:
                yield frame, tuple(_object_of(self._codec, frame, at, before, after) for at in range(len(items)))
            before, frame = frame, after

    def _read(self, items: Sequence[Item]) -> Iterator[_Frame]:
        chances = self._chances[: len(items)]
        for at, (index, said, approved) in enumerate(self._said_by_frame(items)):
            objects = (
                _Object(item, shown, Statements(masks, each.right[at], float(each.nobody[at])), _only_boxes(shown))
                for (item, shown, masks), each in zip(self._with_pixels(said), chances, strict=True)
            )
            yield _Frame(index, tuple(objects), approved)

    @cached_property
    def _chances(self) -> list[RightProbabilities]:
        """Who is right on each frame, of each object. It needs all frames: mistakes last for many."""
        agrees: list[list[Flags]] = [[] for _ in self._everything]
        for _, said, _ in self._said_by_frame(self._everything):
            for found, (_, shown, masks) in zip(agrees, self._with_pixels(said), strict=True):
                found.append(whose_boxes_agree(_boxes_of(shown)) if _only_boxes(shown) else who_agrees(masks))
        count = len(self._trust[-MOST_PEOPLE:])
        return [
            right_over_time(np.array(found, np.bool_).reshape(-1, count, count), self._trust[-MOST_PEOPLE:])
            for found in agrees
        ]

    def _with_pixels(
        self, said: Sequence[tuple[DatasetObject, Said]]
    ) -> Iterator[tuple[DatasetObject, Said, list[BoolMask | None]]]:
        """Objects as the last MOST_PEOPLE annotations have them, and the pixels of each."""
        for item, shown in said:
            last = shown[-MOST_PEOPLE:]
            yield item, last, [None if each is None else pixels_of(each, self.info.size, self._codec) for each in last]

    def _is_kept(self, group: Group) -> bool:
        # To have an object or not is one statement, as presence on a frame is: a mask of one pixel stands for it.
        there = np.ones((1, 1), np.bool_)
        said = [there if at in group else None for at in range(len(self._videos))]
        return consensus_of(said, self._trust).mask is not None


def _object_of(codec: MaskCodec, frame: _Frame, at: int, *beside: _Frame | None) -> LabelledMask:
    """The consensus of an object of a frame. beside: the frames before and after it."""
    each = frame.objects[at]
    statements = each.statements
    if each.boxes:
        box, uncertainty = consensus_box(_boxes_of(each.shown), statements.right, statements.nobody)
        return LabelledMask(each.item, None, box, MaskOrigin.CONSENSUS, uncertainty, frame.approved)
    others = [other.objects[at] for other in beside if other is not None]
    found = statements.consensus([other.statements for other in others if not other.boxes])
    encoded = None if found.mask is None else codec.encode(found.mask)
    return LabelledMask(each.item, encoded, None, MaskOrigin.CONSENSUS, found.uncertainty, frame.approved)


def _only_boxes(shown: Said) -> bool:
    """Whether somebody has the object, and nobody has a mask of it."""
    there = [each for each in shown if each is not None and each.is_present]
    return bool(there) and all(each.mask is None for each in there)


def _boxes_of(shown: Said) -> list[Box | None]:
    return [None if each is None else each.box for each in shown]


def _disagreement(voted: LabelledMask, masks: Sequence[BoolMask | None], frame_index: int) -> Disagreement:
    said = [mask if mask is not None and mask.any() else None for mask in masks]
    present = np.array([mask is not None for mask in said])
    ious = [_iou(one, other) for one, other in combinations(said, 2)]
    doubt = 1.0 if voted.uncertainty is None else voted.uncertainty
    return Disagreement(voted.item.number, frame_index, doubt, conflicts_of(np.array(ious), present))


def _iou(one: BoolMask | None, other: BoolMask | None) -> float:
    if one is None or other is None:
        return float("nan") if one is other else 0.0
    return mask_iou(one, other)
