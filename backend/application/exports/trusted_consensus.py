"""The consensus of several annotations of one video, weighted by trust, and the frames on which people disagree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from backend.application.exports.agreement import Group, pixels_of
from backend.application.exports.consensus import ConsensusVideo, Said
from backend.application.ports.datasets import DatasetVideo, ManifestEntry
from backend.application.ports.masks import MaskCodec
from backend.domain.crowd.adjudication import Disagreement, conflicts_of
from backend.domain.crowd.consensus import consensus_box, consensus_of
from backend.domain.crowd.estimates import Estimate
from backend.domain.datasets import DatasetFrame, DatasetObject, LabelledMask
from backend.domain.geometry import BoolMask, mask_iou
from backend.domain.masklets import MaskOrigin


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

    def with_disagreements(self) -> Iterator[tuple[DatasetFrame, tuple[Disagreement, ...]]]:
        """The frames, each with how far people disagree on each object, also on those that are left out."""
        for index, said, approved in self._said_by_frame([*self._items, *self._left_out]):
            voted = [self._object(item, each, approved=approved) for item, each in said]
            found = (self._disagreement(mask, each, int(index)) for mask, (_, each) in zip(voted, said, strict=True))
            yield DatasetFrame(index, tuple(voted[: len(self._items)])), tuple(found)

    def _is_kept(self, group: Group) -> bool:
        # To have an object or not is one statement, as presence on a frame is: a mask of one pixel stands for it.
        there = np.ones((1, 1), np.bool_)
        said = [there if at in group else None for at in range(len(self._videos))]
        return consensus_of(said, self._trust).mask is not None

    def _object(self, item: DatasetObject, shown: Said, *, approved: bool) -> LabelledMask:
        there = [each for each in shown if each is not None and each.is_present]
        if there and all(each.mask is None for each in there):
            box, uncertainty = consensus_box([None if each is None else each.box for each in shown], self._trust)
            return LabelledMask(item, None, box, MaskOrigin.CONSENSUS, uncertainty, approved)
        found = consensus_of(self._pixels(shown), self._trust)
        encoded = None if found.mask is None else self._codec.encode(found.mask)
        return LabelledMask(item, encoded, None, MaskOrigin.CONSENSUS, found.uncertainty, approved)

    def _disagreement(self, voted: LabelledMask, shown: Said, frame_index: int) -> Disagreement:
        pixels = self._pixels(shown)
        present = np.array([each is not None for each in pixels])
        ious = [_iou(one, other) for one, other in combinations(pixels, 2)]
        doubt = 1.0 if voted.uncertainty is None else voted.uncertainty
        return Disagreement(voted.item.number, frame_index, doubt, conflicts_of(np.array(ious), present))

    def _pixels(self, shown: Said) -> list[BoolMask | None]:
        found = [None if each is None else pixels_of(each, self.info.size, self._codec) for each in shown]
        return [pixels if pixels is not None and pixels.any() else None for pixels in found]


def _iou(one: BoolMask | None, other: BoolMask | None) -> float:
    if one is None or other is None:
        return float("nan") if one is other else 0.0
    return mask_iou(one, other)
