"""What the image encoder saw, kept: bounded in bytes, in host memory, the longest unused let go first."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.adapters.sam2.model.tensors import ImageFeatures
from backend.domain.video import ContentHash

MIB = 2**20


@dataclass(frozen=True, slots=True)
class FeatureKind:
    """What features depend on besides the frame. decoder: whose pixels they are; decoders differ in the last bits."""

    model_version: str
    image_size: int
    precision: str
    decoder: str = "libav, software"


_Key = tuple[ContentHash, int, FeatureKind]


class FeatureCache:
    """Features of frames, so that click after click, and a second pass over a span that fits, encode nothing.

    Keyed by content, never by task: the same number of another video is another frame. Of a CUDA device's features
    a page-locked copy on the host is kept, and fetched without waiting.
    """

    def __init__(self, capacity_bytes: int, *, device: torch.device) -> None:
        self.capacity_bytes = capacity_bytes
        self.nbytes = 0
        self._device = device
        self._kept: OrderedDict[_Key, ImageFeatures] = OrderedDict()

    def get(self, content_hash: ContentHash, frame_index: int, kind: FeatureKind) -> ImageFeatures | None:
        kept = self._kept.get((content_hash, frame_index, kind))
        if kept is None:
            return None
        self._kept.move_to_end((content_hash, frame_index, kind))
        return ImageFeatures(tuple(self._fetched(level) for level in kept.levels))

    def has(self, content_hash: ContentHash, frame_index: int, kind: FeatureKind) -> bool:
        return (content_hash, frame_index, kind) in self._kept

    def put(self, content_hash: ContentHash, frame_index: int, kind: FeatureKind, features: ImageFeatures) -> None:
        """Keep them, unless they alone are more than the capacity."""
        if features.nbytes > self.capacity_bytes:
            return
        self._drop((content_hash, frame_index, kind))
        self._kept[content_hash, frame_index, kind] = ImageFeatures(tuple(self._kept_form(x) for x in features.levels))
        self.nbytes += features.nbytes
        while self.nbytes > self.capacity_bytes:
            self._drop(next(iter(self._kept)))

    def frames_of(self, content_hash: ContentHash) -> tuple[int, ...]:
        """The frames of a video that are kept, ascending."""
        return tuple(sorted(index for kept, index, _ in self._kept if kept == content_hash))

    def forget(self, content_hash: ContentHash) -> None:
        """Let go of a video's frames."""
        for key in [key for key in self._kept if key[0] == content_hash]:
            self._drop(key)

    def __len__(self) -> int:
        return len(self._kept)

    def _drop(self, key: _Key) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self.nbytes -= dropped.nbytes

    def _kept_form(self, level: Tensor) -> Tensor:
        if self._device.type != "cuda":
            return level
        # Both copies are on the current stream, so that fetching waits for keeping, and nobody for either.
        host = torch.empty(level.shape, dtype=level.dtype, pin_memory=True)
        return host.copy_(level, non_blocking=True)

    def _fetched(self, level: Tensor) -> Tensor:
        return level if self._device.type != "cuda" else level.to(self._device, non_blocking=True)
