"""Features in the frame order of a pass: from the cache, or decoded and encoded a few frames ahead.

A frame in the cache is not decoded and not encoded again. A frame that is not needed is not decoded and not encoded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from backend.adapters.sam2.features.cache import FeatureCache, FeatureKind
from backend.adapters.sam2.features.preprocess import image_tensor
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.model.tensors import ImageFeatures
from backend.application.ports.media import VideoSource
from backend.application.ports.requests.prewarm import frame_hash
from backend.domain.errors import DeviceOutOfMemory
from backend.domain.geometry import RgbFrame
from backend.domain.video import FrameIndex, FrameRange

logger = logging.getLogger(__name__)

MIN_SEEK_FRAMES = 32
"""The least count of consecutive known frames that a pass seeks over: fewer are decoded faster than sought."""

NumberedFrame = tuple[FrameIndex, RgbFrame]


class FeatureLoader:
    """Loads features of one model. lookahead: frames that are encoded in one call."""

    def __init__(self, blocks: Sam2Blocks, cache: FeatureCache, kind: FeatureKind, *, lookahead: int = 1) -> None:
        self.cache = cache
        self._blocks = blocks
        self._kind = kind
        self.lookahead = lookahead

    def one(self, video: VideoSource, frame_index: int) -> ImageFeatures:
        """Features of one frame, levels [1, C, H, W], finest first; kept in the cache."""
        kept = self._kept(video, frame_index)
        if kept is not None:
            return kept
        index = video.info.require_frame(frame_index)
        features = self.uncached(video, index)
        self._keep(video, index, features)
        return features

    def uncached(self, video: VideoSource, frame_index: FrameIndex) -> ImageFeatures:
        """Features of one frame, encoded and not kept."""
        (features,) = self._encoded([video.frame(frame_index)], padded_to=1)
        return features

    def frames(
        self, video: VideoSource, frame_range: FrameRange, *, backward: bool, is_needed: Callable[[int], bool]
    ) -> Iterator[tuple[FrameIndex, ImageFeatures | None]]:
        """The frames of the range in the order of the pass, with levels [1, C, H, W] where is_needed, else None."""
        indices = range(frame_range.start, frame_range.stop)
        reader = _FrameReader(
            video, indices[::-1] if backward else indices, lambda i: is_needed(i) and not self._has(video, i)
        )
        ahead: dict[int, ImageFeatures] = {}
        try:
            for index in reader.indices:
                features = None
                if is_needed(index):
                    features = ahead.pop(index, None) or self._kept(video, index)
                    if features is None:
                        ahead = self._encode_from(reader, index)
                        features = ahead.pop(index)
                yield FrameIndex(index), features
        finally:
            reader.close()

    def _encode_from(self, reader: _FrameReader, index: int) -> dict[int, ImageFeatures]:
        batch = reader.take(index, self.lookahead)
        encoded = self._encoded_fitting([frame for _, frame in batch])
        ahead: dict[int, ImageFeatures] = {}
        for (number, _), features in zip(batch, encoded, strict=True):
            self._keep(reader.video, number, features)
            ahead[number] = features
        return ahead

    def _encoded_fitting(self, frames: Sequence[RgbFrame]) -> list[ImageFeatures]:
        """Encodes frames in one call, or one by one from now on if the device has too little memory."""
        try:
            return self._encoded(frames, padded_to=self.lookahead)
        except DeviceOutOfMemory:
            if self.lookahead == 1:
                raise
        logger.warning("too little memory for %d frames at once; going on with one", self.lookahead)
        self.lookahead = 1
        return [features for frame in frames for features in self._encoded([frame], padded_to=1)]

    def _encoded(self, frames: Sequence[RgbFrame], *, padded_to: int) -> list[ImageFeatures]:
        """Encodes the same count of frames in every call: kernels, and so the last bits, depend on the shape."""
        blocks = self._blocks
        with blocks.computing():
            images = [image_tensor(frame, image_size=blocks.image_size, device=blocks.device) for frame in frames]
            images += images[-1:] * (padded_to - len(images))
            return blocks.encode_image(torch.cat(images)).split()[: len(frames)]

    def _kept(self, video: VideoSource, frame_index: int) -> ImageFeatures | None:
        return self.cache.get(frame_hash(video, frame_index), frame_index, self._kind)

    def _has(self, video: VideoSource, frame_index: int) -> bool:
        return self.cache.has(frame_hash(video, frame_index), frame_index, self._kind)

    def _keep(self, video: VideoSource, frame_index: int, features: ImageFeatures) -> None:
        self.cache.put(frame_hash(video, frame_index), frame_index, self._kind, features)


@dataclass(slots=True)
class _FrameReader:
    """Decodes the missing frames of a pass, in ranges without long gaps."""

    video: VideoSource
    indices: range
    is_missing: Callable[[int], bool]
    _reader: Iterator[NumberedFrame] = field(default_factory=lambda: iter(()))

    def take(self, first: int, count: int) -> list[NumberedFrame]:
        """The frame `first` and the missing frames after it, `count` in all, fewer at the end of the decoded range."""
        taken = [self._read(first)]
        while len(taken) < count and (numbered := next(self._reader, None)) is not None:
            if self.is_missing(numbered[0]):
                taken.append(numbered)
        return taken

    def close(self) -> None:
        close = getattr(self._reader, "close", None)
        if close is not None:
            close()

    def _read(self, wanted: int) -> NumberedFrame:
        for index, frame in self._reader:
            if index == wanted:
                return index, frame
        self.close()
        self._reader = self._opened(wanted)
        return next(self._reader)

    def _opened(self, first: int) -> Iterator[NumberedFrame]:
        """Opens a reader from this frame to the last missing one before a gap of MIN_SEEK_FRAMES or more."""
        last = first
        for index in self.indices[self.indices.index(first) :]:
            if self.is_missing(index):
                last = index
            elif abs(index - last) >= MIN_SEEK_FRAMES:
                break
        start, stop = min(first, last), max(first, last) + 1
        return self.video.frames(FrameRange(FrameIndex(start), FrameIndex(stop)), backward=self.indices.step < 0)
