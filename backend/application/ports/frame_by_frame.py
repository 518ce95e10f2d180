"""Base classes of VideoSources that read single frames and hold nothing open between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from backend.domain.geometry import RgbFrame
from backend.domain.video import FrameIndex, FrameRange, VideoInfo


class NoOpContext:
    """A context manager that opens and closes nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


class FrameByFrame(NoOpContext, ABC):
    """A VideoSource from `info` and `frame`, at a constant frame rate."""

    def __init__(self, info: VideoInfo) -> None:
        self._info = info

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def timestamps_s(self) -> Sequence[float]:
        """Seconds, the first frame at 0."""
        return [float(index / self._info.frame_rate) for index in range(self._info.frame_count)]

    @abstractmethod
    def frame(self, index: FrameIndex) -> RgbFrame:
        """One frame, [H, W, 3] uint8 RGB. Raises PromptError past the end."""

    def frames(self, frame_range: FrameRange, *, backward: bool = False) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        """The range's frames in ascending order, or in descending order if backward."""
        order = range(frame_range.start, frame_range.stop)
        for index in reversed(order) if backward else order:
            yield FrameIndex(index), self.frame(FrameIndex(index))
