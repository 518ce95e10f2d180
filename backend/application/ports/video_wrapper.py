"""A VideoSource around another one: all of it passed on, for those who change or watch a part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backend.application.ports.frame_by_frame import HoldsNothing
from backend.application.ports.media import VideoSource
from backend.application.ports.prewarm import frame_hash
from backend.domain.geometry import RgbFrame
from backend.domain.video import ContentHash, FrameIndex, FrameRange, VideoInfo


class WrappedVideo(HoldsNothing):
    """What it wraps, as it is. Does not open or close it: that is for whoever opened it."""

    def __init__(self, source: VideoSource) -> None:
        self._source = source

    @property
    def info(self) -> VideoInfo:
        return self._source.info

    @property
    def timestamps_s(self) -> Sequence[float]:
        return self._source.timestamps_s

    def frame_hash(self, index: int) -> ContentHash:
        """Under which hash what is known of a frame is kept."""
        return frame_hash(self._source, index)

    def frame(self, index: FrameIndex) -> RgbFrame:
        return self._source.frame(index)

    def frames(self, span: FrameRange, *, backward: bool = False) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        return self._source.frames(span, backward=backward)
