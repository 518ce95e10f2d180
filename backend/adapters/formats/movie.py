"""An H.264 file that every browser plays, written frame by frame, each frame at its time in the original."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from backend.application.dataset_ports import Target
from backend.domain.geometry import FrameSize, RgbFrame

TICKS_PER_S = 90_000
QUALITY = "18"
"""x264's constant rate factor: hardly to be told from the original."""


class Movie:
    """Use as a context manager. The file is made with the first frame, for there is no film without one.

    Sides that are odd grow by one pixel, for yuv420p has none.
    """

    def __init__(self, target: Target, path: str, size: FrameSize, rate: Fraction) -> None:
        self._target = target
        self._path = path
        self._width, self._height = size.width + size.width % 2, size.height + size.height % 2
        self._rate = rate
        self._stack = ExitStack()
        self._opened: tuple[OutputContainer, VideoStream] | None = None
        self._last_tick = -1

    def add(self, picture: RgbFrame, time_s: float) -> None:
        """picture: [H, W, 3] uint8 RGB. time_s: its presentation time; later than the one before."""
        container, stream = self._opened = self._opened or self._open()
        height, width, _ = picture.shape
        padding = ((0, self._height - height), (0, self._width - width), (0, 0))
        frame = av.VideoFrame.from_ndarray(np.pad(picture, padding, mode="edge"), format="rgb24")
        self._last_tick = frame.pts = max(round(time_s * TICKS_PER_S), self._last_tick + 1)
        frame.time_base = Fraction(1, TICKS_PER_S)
        container.mux(stream.encode(frame))

    def _open(self) -> tuple[OutputContainer, VideoStream]:
        file = self._stack.enter_context(self._target.open(self._path))
        container = self._stack.enter_context(av.open(file, "w", format="mp4", options={"movflags": "faststart"}))
        options = {"crf": QUALITY, "preset": "veryfast"}
        stream = container.add_stream("libx264", rate=self._rate.limit_denominator(1001), options=options)
        assert isinstance(stream, VideoStream), "libx264 makes video"
        stream.width, stream.height, stream.pix_fmt = self._width, self._height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
        return container, stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if kind is None and self._opened is not None:
                container, stream = self._opened
                container.mux(stream.encode(None))
