"""A VideoSource that delegates to another one; subclasses change or observe a part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backend.application.ports.frame_by_frame import NoOpContext
from backend.application.ports.media import VideoSource, is_undecodable
from backend.application.ports.requests.prewarm import frame_hash
from backend.domain.geometry import RgbFrame
from backend.domain.video import ContentHash, FrameIndex, FrameRange, VideoInfo


class WrappedVideo(NoOpContext):
    """The wrapped source, unchanged. Does not open or close it."""

    def __init__(self, source: VideoSource) -> None:
        self._source = source

    @property
    def info(self) -> VideoInfo:
        return self._source.info

    @property
    def timestamps_s(self) -> Sequence[float]:
        return self._source.timestamps_s

    def frame_hash(self, index: int) -> ContentHash:
        """The content hash that identifies an encoded frame."""
        return frame_hash(self._source, index)

    def is_undecodable(self, index: int) -> bool:
        return is_undecodable(self._source, index)

    def frame(self, index: FrameIndex) -> RgbFrame:
        return self._source.frame(index)

    def frames(self, frame_range: FrameRange, *, backward: bool = False) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        return self._source.frames(frame_range, backward=backward)
