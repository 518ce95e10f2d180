"""A subset of a video's frames as a video: the media of a task with some frames of a longer video.

Frames are neither copied nor encoded again; they are read from the source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from backend.application.ports.media import VideoSource, is_undecodable
from backend.domain.geometry import RgbFrame
from backend.domain.video import ContentHash, FrameIndex, FrameRange, VideoInfo

DENSE = 12
"""The number of frames whose decoding costs as much as a seek to a key frame, about."""


class FrameSubset:
    """A VideoSource of a source's frames: position n is the n-th of `indices`, which ascend."""

    def __init__(self, source: VideoSource, indices: Sequence[FrameIndex]) -> None:
        """Raises PromptError if the source lacks one of these frames."""
        for index in (indices[0], indices[-1]):
            source.info.require_frame(index)
        self._source = source
        self._indices = tuple(indices)
        identity = f"{source.info.content_hash}\0{list(map(int, self._indices))!r}"
        self._info = replace(
            source.info,
            content_hash=ContentHash(hashlib.sha256(identity.encode()).hexdigest()),
            frame_count=len(self._indices),
            times=None,
        )

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def timestamps_s(self) -> Sequence[float]:
        """The source's times in seconds, shifted: the first frame is at 0."""
        times = self._source.timestamps_s
        first = times[self._indices[0]]
        return [times[index] - first for index in self._indices]

    def is_undecodable(self, index: int) -> bool:
        return is_undecodable(self._source, self._indices[index])

    def frame(self, index: FrameIndex) -> RgbFrame:
        """One frame, [H, W, 3] uint8 RGB. Raises PromptError past the end, MediaError."""
        return self._source.frame(self._indices[self._info.require_frame(index)])

    def frames(self, frame_range: FrameRange, *, backward: bool = False) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        """The range's frames in order, or in descending order. Raises PromptError past the end, MediaError."""
        self._info.require_frame(frame_range.stop - 1)
        wanted = self._indices[frame_range.start : frame_range.stop]
        if (wanted[-1] - wanted[0] + 1) > DENSE * len(wanted):
            ascending = range(frame_range.start, frame_range.stop)
            order = ascending[::-1] if backward else ascending
            return ((FrameIndex(position), self.frame(FrameIndex(position))) for position in order)
        return self._streamed(wanted, frame_range.start, backward=backward)

    def _streamed(
        self, wanted: Sequence[FrameIndex], first: int, *, backward: bool
    ) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        positions = {index: FrameIndex(first + offset) for offset, index in enumerate(wanted)}
        frame_range = FrameRange(wanted[0], FrameIndex(wanted[-1] + 1))
        for index, frame in self._source.frames(frame_range, backward=backward):
            if index in positions:
                yield positions[index], frame

    def __enter__(self) -> Self:
        self._source.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.__exit__(kind, error, trace)
