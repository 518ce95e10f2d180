"""A job's time by step, in seconds by name; decoding is timed also inside the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from backend.application.ports.clock import Clock
from backend.application.ports.measuring.measures import took
from backend.application.ports.media import VideoSource
from backend.application.ports.video_wrapper import WrappedVideo
from backend.domain.geometry import RgbFrame
from backend.domain.video import FrameIndex


@dataclass(slots=True)
class Stopwatch:
    """Sums up a job's time, in seconds by step name. The process's measures get each step, too."""

    clock: Clock
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        started_s = self.clock.monotonic_s()
        try:
            yield
        finally:
            seconds = self.clock.monotonic_s() - started_s
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds
            took(name, seconds)


class TimedVideo(WrappedVideo):
    """Times reading a video's single frames, as step "decode"."""

    def __init__(self, source: VideoSource, stopwatch: Stopwatch) -> None:
        super().__init__(source)
        self._stopwatch = stopwatch

    def frame(self, index: FrameIndex) -> RgbFrame:
        with self._stopwatch.time("decode"):
            return super().frame(index)
