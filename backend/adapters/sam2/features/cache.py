"""LRU cache of image encoder features in host memory, bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.adapters.sam2.model.tensors import ImageFeatures
from backend.application.ports.measuring.measures import looked_up
from backend.domain.video import ContentHash

MIB = 2**20


@dataclass(frozen=True, slots=True)
class FeatureKind:
    """What features depend on besides the frame. decoder: the video decoder; decoders differ in the last bits."""

    model_version: str
    image_size: int
    precision: str
    decoder: str = "libav, software"


_Key = tuple[ContentHash, int, FeatureKind]


class FeatureCache:
    """Features by frame: repeated clicks, and a second pass over frames in the cache, encode nothing.

    Keyed by content hash, not by task. Features of a CUDA device are kept as a page-locked host copy, with asynchronous
    transfers.
    """

    def __init__(self, capacity_bytes: int, *, device: torch.device) -> None:
        self.capacity_bytes = capacity_bytes
        self.nbytes = 0
        self._device = device
        self._kept: OrderedDict[_Key, ImageFeatures] = OrderedDict()

    def get(self, content_hash: ContentHash, frame_index: int, kind: FeatureKind) -> ImageFeatures | None:
        """The features [1, C, H, W] on the cache's device, each level in its own dtype; None if not kept."""
        kept = self._kept.get((content_hash, frame_index, kind))
        looked_up("features", is_hit=kept is not None)
        if kept is None:
            return None
        self._kept.move_to_end((content_hash, frame_index, kind))
        return ImageFeatures(tuple(self._to_device(level) for level in kept.levels))

    def has(self, content_hash: ContentHash, frame_index: int, kind: FeatureKind) -> bool:
        return (content_hash, frame_index, kind) in self._kept

    def put(self, content_hash: ContentHash, frame_index: int, kind: FeatureKind, features: ImageFeatures) -> None:
        """Keeps features [1, C, H, W], unless they alone exceed the capacity; drops the least recently used ones."""
        if features.nbytes > self.capacity_bytes:
            return
        self._drop((content_hash, frame_index, kind))
        self._kept[content_hash, frame_index, kind] = ImageFeatures(
            tuple(self._to_host(level) for level in features.levels)
        )
        self.nbytes += features.nbytes
        while self.nbytes > self.capacity_bytes:
            self._drop(next(iter(self._kept)))

    def reserve(self, like: ImageFeatures) -> None:
        """Page-locks host memory for as many frames as the capacity holds, so that no frame waits milliseconds for it.

        like: any frame's features, for their shapes and dtypes. Torch keeps released page-locked memory for later
        tensors of the same size. For features of a CUDA device.
        """
        frames = range(self.capacity_bytes // like.nbytes)
        _ = [[_page_locked(level) for level in like.levels] for _ in frames]

    def frames_of(self, content_hash: ContentHash) -> tuple[int, ...]:
        """The kept frames of a video, ascending."""
        return tuple(sorted(index for kept, index, _ in self._kept if kept == content_hash))

    def forget(self, content_hash: ContentHash) -> None:
        """Drops a video's frames."""
        for key in [key for key in self._kept if key[0] == content_hash]:
            self._drop(key)

    def __len__(self) -> int:
        return len(self._kept)

    def _drop(self, key: _Key) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self.nbytes -= dropped.nbytes

    def _to_host(self, level: Tensor) -> Tensor:
        if self._device.type != "cuda":
            return level
        # Both copies run on the current stream: a fetch follows the copy to the host, and the host waits for neither.
        return _page_locked(level).copy_(level, non_blocking=True)

    def _to_device(self, level: Tensor) -> Tensor:
        return level if self._device.type != "cuda" else level.to(self._device, non_blocking=True)


def _page_locked(level: Tensor) -> Tensor:
    return torch.empty(level.shape, dtype=level.dtype, pin_memory=True)
