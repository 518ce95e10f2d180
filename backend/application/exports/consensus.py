"""The consensus of several annotations of one video: what more than half of them say.

A pixel belongs to an object if more than half of the annotations give it to the object; an annotation without the
object gives it none. A box has the median of the sides of those that have one, and is there if more than half have one.
An object that at most half of the annotations have is not in the consensus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray

from backend.application.exports.agreement import Group, compared, frames_together, pixels_of, pixels_of_box
from backend.application.ports.datasets import DatasetVideo, ManifestEntry, TaskOrigin
from backend.application.ports.masks import MaskCodec
from backend.application.ports.media import VideoSource
from backend.domain.datasets import DatasetFrame, DatasetObject, LabelledMask
from backend.domain.geometry import BoolMask, Box, mask_iou
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.verdicts import MaskVerdicts
from backend.domain.video import FrameIndex, VideoInfo

Said = Sequence[LabelledMask | None]
"""An object on a frame as each annotation has it; None where one says nothing of it."""


class ConsensusVideo:
    """A DatasetVideo of what more than half of the annotations say. videos: at least one, oldest first.

    A mask's uncertainty is 1 - the mean IoU of the annotations' masks with it; where the object is absent, the share of
    the annotations that have it. A frame is approved if more than half of the annotations approve it.
    """

    def __init__(
        self, videos: Sequence[DatasetVideo], codec: MaskCodec, *, groups: Sequence[Group] | None = None
    ) -> None:
        """groups: which objects are the same; None: those that overlap most."""
        self._videos = videos
        self._codec = codec
        groups, self._agreements = compared(videos, codec, groups)
        ordered = sorted(groups, key=lambda group: not self._is_kept(group))
        items = list(zip(_numbered(ordered, videos), ordered, strict=True))
        kept = sum(self._is_kept(group) for group in groups)
        self._items, self._left_out = items[:kept], items[kept:]

    @property
    def info(self) -> VideoInfo:
        return self._videos[-1].info

    @property
    def objects(self) -> tuple[DatasetObject, ...]:
        return tuple(item for item, _ in self._items)

    @property
    def provenance(self) -> ManifestEntry:
        """agreement: of each annotation with the others. objects_left_out: those that at most half have."""
        return {
            "kind": "consensus",
            "annotations": [
                {**video.provenance, "agreement": round(agreement, 4)}
                for video, agreement in zip(self._videos, self._agreements, strict=True)
            ],
            "objects_left_out": len(self._left_out),
        }

    @property
    def verdicts(self) -> MaskVerdicts | None:
        """None: verdicts are on one person's masks."""
        return None

    @property
    def not_exported(self) -> Mapping[str, int]:
        """Of all annotations together."""
        total = Counter[str]()
        for video in self._videos:
            total.update(video.not_exported)
        return total

    @property
    def task(self) -> TaskOrigin | None:
        return self._videos[-1].task

    def pictures(self) -> AbstractContextManager[VideoSource] | None:
        return self._videos[-1].pictures()

    def frames(self) -> Iterator[DatasetFrame]:
        for index, said, approved in self._said_by_frame(self._items):
            yield DatasetFrame(index, tuple(self._object(item, each, approved=approved) for item, each in said))

    def _said_by_frame(
        self, items: Sequence[tuple[DatasetObject, Group]]
    ) -> Iterator[tuple[FrameIndex, list[tuple[DatasetObject, Said]], bool]]:
        """Each frame with objects as each annotation has them, and whether the frame is approved."""
        for frames in frames_together(self._videos):
            shown = [{each.item.number: each for each in frame.objects} for frame in frames]
            approving = sum(any(each.approved for each in frame.objects) for frame in frames)
            said: list[tuple[DatasetObject, Said]] = [
                (item, [of.get(group[at]) if at in group else None for at, of in enumerate(shown)])
                for item, group in items
            ]
            yield frames[0].frame_index, said, self._is_majority(approving)

    def _is_kept(self, group: Group) -> bool:
        return self._is_majority(len(group))

    def _object(self, item: DatasetObject, shown: Said, *, approved: bool) -> LabelledMask:
        present = [each for each in shown if each is not None and each.is_present]
        pixels = [found for each in present if (found := pixels_of(each, self.info.size, self._codec)) is not None]
        boxes = [each.box for each in present if each.mask is None and each.box is not None]
        share = len(present) / len(self._videos)
        if boxes and len(boxes) == len(present):
            box = _median(boxes) if self._is_majority(len(boxes)) else None
            uncertainty = share if box is None else self._uncertainty(pixels, pixels_of_box(box, self.info.size))
            return LabelledMask(item, None, box, MaskOrigin.CONSENSUS, uncertainty, approved)
        voted = self._majority(pixels)
        uncertainty = share if voted is None else self._uncertainty(pixels, voted)
        encoded = None if voted is None else self._codec.encode(voted)
        return LabelledMask(item, encoded, None, MaskOrigin.CONSENSUS, uncertainty, approved)

    def _majority(self, pixels: Sequence[BoolMask]) -> BoolMask | None:
        """[H, W] bool; None without a pixel."""
        if not self._is_majority(len(pixels)):
            return None
        votes: NDArray[np.int32] = np.sum(pixels, axis=0, dtype=np.int32)
        mask = np.asarray(votes * 2 > len(self._videos))
        return mask if mask.any() else None

    def _uncertainty(self, pixels: Sequence[BoolMask], mask: BoolMask) -> float:
        return 1.0 - sum(mask_iou(each, mask) for each in pixels) / len(self._videos)

    def _is_majority(self, count: int) -> bool:
        return count * 2 > len(self._videos)


def _numbered(groups: Sequence[Group], videos: Sequence[DatasetVideo]) -> Iterator[DatasetObject]:
    """An object for each group, numbered from 1, with the id that the newest annotation gives it."""
    items = [{item.number: item for item in video.objects} for video in videos]
    used: set[ObjectId] = set()
    for number, group in enumerate(groups, 1):
        newest = max(group)
        item = items[newest][group[newest]]
        # Two people may have given one id to different objects.
        object_id = item.object_id if item.object_id not in used else ObjectId(f"{item.object_id} ({number})")
        used.add(object_id)
        yield DatasetObject(number, object_id, item.label)


def _median(boxes: Sequence[Box]) -> Box:
    sides = np.median([[box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel] for box in boxes], axis=0)
    return Box(*(float(side) for side in sides))
