"""An H.264 file for browsers, written frame by frame, each frame at its time in the original."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from types import TracebackType
from typing import BinaryIO, Self

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from backend.application.ports.datasets import Target
from backend.domain.geometry import FrameSize, RgbFrame

TICKS_PER_S = 90_000
QUALITY = "18"
"""x264's constant rate factor: visually near lossless."""


class _ErrorKeepingFile:
    """Keeps the first OSError of a write: PyAV reports a failed write without its errno."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None
        self.seek = file.seek
        self.tell = file.tell

    def write(self, body: bytes) -> int:
        try:
            return self._file.write(body)
        except OSError as error:
            self.error = self.error or error
            raise


class VideoFile:
    """An MP4 file. Use as a context manager. The first frame creates the file: without frames there is none.

    Odd sides grow by one pixel: yuv420p needs even sides.
    """

    def __init__(self, target: Target, path: str, size: FrameSize, rate: Fraction) -> None:
        self._target = target
        self._path = path
        self._width, self._height = size.width + size.width % 2, size.height + size.height % 2
        self._rate = rate
        self._stack = ExitStack()
        self._file: _ErrorKeepingFile | None = None
        self._opened: tuple[OutputContainer, VideoStream] | None = None
        self._last_tick = -1

    def add(self, picture: RgbFrame, time_s: float) -> None:
        """picture: [H, W, 3] uint8 RGB. time_s: its presentation time; later than the one before."""
        with self._disk_errors():
            self._add(picture, time_s)

    def _add(self, picture: RgbFrame, time_s: float) -> None:
        container, stream = self._opened = self._opened or self._open()
        height, width, _ = picture.shape
        padding = ((0, self._height - height), (0, self._width - width), (0, 0))
        frame = av.VideoFrame.from_ndarray(np.pad(picture, padding, mode="edge"), format="rgb24")
        self._last_tick = frame.pts = max(round(time_s * TICKS_PER_S), self._last_tick + 1)
        frame.time_base = Fraction(1, TICKS_PER_S)
        container.mux(stream.encode(frame))

    def _open(self) -> tuple[OutputContainer, VideoStream]:
        file = self._stack.enter_context(self._target.open(self._path))
        self._file = _ErrorKeepingFile(file)
        container = av.open(self._file, "w", format="mp4")
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
    ) -> bool | None:
        # The stack closes the file after the container; the target's context translates write errors of both.
        self._stack.push(self._close)
        return self._stack.__exit__(kind, error, trace)

    def _close(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is None:
            return
        container, stream = self._opened
        if kind is not None:
            with suppress(av.FFmpegError, OSError):
                container.close()
            return
        with self._disk_errors(), container:
            container.mux(stream.encode(None))

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Raises the OSError of a failed write in place of PyAV's error."""
        try:
            yield
        except av.FFmpegError:
            if self._file is not None and self._file.error is not None:
                raise self._file.error from None
            raise
