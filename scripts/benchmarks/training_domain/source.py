"""Clips in memory as a DatasetSource, with a person's approved masks on a few frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backend.application.ports.datasets import DatasetEntry, ManifestEntry, TaskOrigin
from backend.codecs.coco_rle import encode_mask
from backend.domain.datasets import DatasetFrame, DatasetObject, LabelledMask
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.verdicts import MaskVerdicts
from backend.domain.video import FrameIndex, VideoInfo
from backend.evaluation.synthetic.source import ClipSource


@dataclass(frozen=True, slots=True, eq=False)
class LabelledClip:
    """frames: uint8 [T, H, W, 3]. masks: bool [T, N, H, W]. labelled: the frames with approved masks."""

    name: str
    frames: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    labelled: tuple[int, ...]


class ClipVideo:
    """A DatasetVideo of a clip."""

    def __init__(self, clip: LabelledClip) -> None:
        self.provenance: ManifestEntry = {}
        self.verdicts: MaskVerdicts | None = None
        self.not_exported: Mapping[str, int] = {}
        self.task: TaskOrigin | None = None
        self._clip = clip
        self._source = ClipSource(clip.frames)

    @property
    def info(self) -> VideoInfo:
        return self._source.info

    @property
    def objects(self) -> tuple[DatasetObject, ...]:
        count = self._clip.masks.shape[1]
        return tuple(DatasetObject(number + 1, ObjectId(str(number)), "cell") for number in range(count))

    def frames(self) -> Iterator[DatasetFrame]:
        """The labelled frames; an object without a pixel is absent."""
        for index in self._clip.labelled:
            masks = [
                LabelledMask(item, encode_mask(mask) if mask.any() else None, None, MaskOrigin.HUMAN, None, True)
                for item, mask in zip(self.objects, self._clip.masks[index], strict=True)
            ]
            yield DatasetFrame(FrameIndex(index), tuple(masks))

    @contextmanager
    def pictures(self) -> Iterator[ClipSource]:
        yield self._source


@dataclass(frozen=True, slots=True)
class ClipLabels:
    """A DatasetSource of clips."""

    clips: Sequence[LabelledClip]
    record: ManifestEntry = field(default_factory=lambda: {"kind": "generated clips"})

    def entries(self) -> Sequence[DatasetEntry]:
        return [DatasetEntry(clip.name, clip.name) for clip in self.clips]

    def labels(self) -> Sequence[str]:
        return ("cell",)

    @contextmanager
    def open(self, entry: DatasetEntry) -> Iterator[ClipVideo]:
        yield ClipVideo(next(clip for clip in self.clips if clip.name == entry.key))
