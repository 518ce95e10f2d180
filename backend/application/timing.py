"""Where a job's time goes, in seconds by name, also within what the engine does with a video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from backend.application.ports import Clock, VideoSource
from backend.application.prewarm import frame_hash
from backend.domain.geometry import RgbFrame
from backend.domain.video import ContentHash, FrameIndex, FrameRange, VideoInfo


@dataclass(slots=True)
class Stopwatch:
    """Adds up where a job's time goes, in seconds by name."""

    clock: Clock
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        started_s = self.clock.monotonic_s()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + self.clock.monotonic_s() - started_s


class TimedVideo:
    """A VideoSource that says how long getting its single frames took, as "decode". Does not close what it wraps."""

    def __init__(self, source: VideoSource, stopwatch: Stopwatch) -> None:
        self._source = source
        self._stopwatch = stopwatch

    @property
    def info(self) -> VideoInfo:
        return self._source.info

    @property
    def timestamps_s(self) -> Sequence[float]:
        return self._source.timestamps_s

    def frame_hash(self, index: int) -> ContentHash:
        return frame_hash(self._source, index)

    def frame(self, index: FrameIndex) -> RgbFrame:
        with self._stopwatch.time("decode"):
            return self._source.frame(index)

    def frames(self, span: FrameRange, *, backward: bool = False) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        return self._source.frames(span, backward=backward)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return
