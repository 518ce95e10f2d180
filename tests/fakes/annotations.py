"""Annotations of a small video: squares and boxes by object and frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from backend.application.ports.datasets import ManifestEntry
from backend.application.ports.media import VideoSource
from backend.codecs.coco_rle import CocoCodec
from backend.domain.datasets import DatasetFrame, DatasetObject, LabelledMask
from backend.domain.geometry import BoolMask, Box, FrameSize
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.verdicts import MaskVerdicts
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

CODEC = CocoCodec()
SIZE = FrameSize(10, 10)
FRAMES = 2

Square = tuple[int, int, int]
"""Left, top and side in pixels."""


def square(left: int, top: int, side: int) -> BoolMask:
    mask = np.zeros((SIZE.height, SIZE.width), bool)
    mask[top : top + side, left : left + side] = True
    return mask


@dataclass
class Annotation:
    """An annotation: for each object (id, label) a square or a box on each frame; None: absent."""

    shapes: Mapping[tuple[str, str], Sequence[Square | Box | None]]
    provenance: ManifestEntry = field(default_factory=dict)
    not_exported: Mapping[str, int] = field(default_factory=lambda: {"keypoint": 1})
    info: VideoInfo = field(default_factory=lambda: VideoInfo(ContentHash("a"), SIZE, FRAMES, Fraction(25)))
    task: None = None
    verdicts: MaskVerdicts | None = None

    @property
    def objects(self) -> tuple[DatasetObject, ...]:
        return tuple(DatasetObject(n, ObjectId(name), label) for n, (name, label) in enumerate(self.shapes, 1))

    def frames(self) -> Iterator[DatasetFrame]:
        for index in range(FRAMES):
            shown = (self._shown(item, of[index]) for item, of in zip(self.objects, self.shapes.values(), strict=True))
            yield DatasetFrame(FrameIndex(index), tuple(shown))

    def _shown(self, item: DatasetObject, shape: Square | Box | None) -> LabelledMask:
        mask = CODEC.encode(square(*shape)) if isinstance(shape, tuple) else None
        box = shape if isinstance(shape, Box) else None
        return LabelledMask(item, mask, box, MaskOrigin.PROPAGATED, 0.5, approved=True)

    def pictures(self) -> AbstractContextManager[VideoSource] | None:
        return None


def still(**objects: Square | Box | None) -> Annotation:
    """Objects with the label "Cat" that do not move."""
    return Annotation({(name, "Cat"): [shape] * FRAMES for name, shape in objects.items()})
