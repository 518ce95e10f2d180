"""Frames of a video file, by exact index, in either direction, in bounded memory.

Decoding starts at a key frame and is matched to the index by presentation time: B-frames, variable frame rates and edit
lists do not shift a frame. Nothing is written to disk. Only the frames of the current pass are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from backend.adapters.media.damaged import damage_named
from backend.adapters.media.index import IndexCache, StreamIndex, build_index, decoded_frames
from backend.adapters.media.probe import REMEDY, open_stream
from backend.application.ports.progress import work_moved
from backend.domain.errors import MediaError
from backend.domain.geometry import RgbFrame
from backend.domain.video import ContentHash, FrameIndex, FrameRange, VideoInfo

HELD_BYTES = 256 * 2**20
"""The limit of decoded frames in a backward pass. A longer group of pictures is decoded in parts, from its key frame
each time."""


class FileVideo:
    """A VideoSource over one video file. Use as a context manager."""

    def __init__(
        self, path: Path, index: StreamIndex, content_hash: ContentHash, *, held_bytes: int = HELD_BYTES
    ) -> None:
        self._path = path
        self._index = index
        self._info = index.info(content_hash)
        self._held = max(2, held_bytes // (3 * index.width * index.height))
        self._random = _Cursor(path, index)

    @property
    def info(self) -> VideoInfo:
        return self._info

    @cached_property
    def timestamps_s(self) -> Sequence[float]:
        """Presentation time of each frame in seconds, on a player's timeline: a late first frame is not at 0."""
        return self._index.times.seconds()

    def frame(self, index: FrameIndex) -> RgbFrame:
        """One frame, [H, W, 3] uint8 RGB. Raises PromptError past the end, MediaError if it does not decode."""
        return self._random.read(self._info.require_frame(index))

    def frames(self, frame_range: FrameRange, *, backward: bool = False) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        """The range's frames in order, or in descending order. Raises PromptError past the end, MediaError."""
        self._info.require_frame(frame_range.stop - 1)
        return self._backward(frame_range) if backward else self._forward(frame_range)

    def close(self) -> None:
        self._random.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _forward(self, frame_range: FrameRange) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        # Each pass has its own cursor: single frames can be read during the pass.
        cursor = _Cursor(self._path, self._index)
        try:
            for index in range(frame_range.start, frame_range.stop):
                yield FrameIndex(index), cursor.read(index)
        finally:
            cursor.close()

    def _backward(self, frame_range: FrameRange) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        cursor = _Cursor(self._path, self._index)
        try:
            stop = int(frame_range.stop)
            while stop > frame_range.start:
                start = max(frame_range.start, cursor.key_before(stop - 1), stop - self._held)
                held = [cursor.read(index) for index in range(start, stop)]
                for index in range(stop - 1, start - 1, -1):
                    yield FrameIndex(index), held.pop()
                stop = start
        finally:
            cursor.close()


class _Cursor:
    """A reader with a position: decodes onwards from it or seeks to a key frame."""

    def __init__(self, path: Path, index: StreamIndex) -> None:
        self._path = path
        self._index = index
        self._keys = np.searchsorted(index.pts, index.key_pts)
        self._opened: tuple[InputContainer, VideoStream] | None = None
        self._frames: Iterator[VideoFrame] = iter(())
        self._next = -1
        self._last: tuple[int, RgbFrame] | None = None

    def key_before(self, index: int) -> int:
        """The last key frame at or before this frame; 0 without one."""
        position = int(np.searchsorted(self._keys, index, side="right")) - 1
        return int(self._keys[position]) if position >= 0 else 0

    def read(self, index: int) -> RgbFrame:
        if self._last is not None and self._last[0] == index:
            return self._last[1].copy()
        with damage_named(self._path.name):
            return self._decoded(index)

    def _decoded(self, index: int) -> RgbFrame:
        frame = self._find(index)
        work_moved()
        if (frame.width, frame.height) != (self._index.width, self._index.height):
            raise MediaError(
                f"{self._path.name} changes its frame size at frame {index}, from {self._index.width}x"
                f"{self._index.height} to {frame.width}x{frame.height}; {REMEDY}"
            )
        rgb: RgbFrame = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
        upright = self._index.orientation.upright(rgb)
        self._last = (index, upright)
        return upright.copy()

    def close(self) -> None:
        if self._opened is not None:
            self._opened[0].close()
        self._opened = None
        self._frames = iter(())
        self._next = -1

    def _find(self, index: int) -> VideoFrame:
        if not 0 <= self._next <= index or self.key_before(index) > self._next:
            self._seek(self.key_before(index))
        frame, found = self._read_until(index)
        start = self.key_before(index)
        while found != index and start > 0:
            # A seek by the container's own index can land after the requested key frame, and some key frames do not
            # decode on their own. Decoding from the key frame before finds the frame.
            start = self.key_before(start - 1)
            self._seek(start)
            frame, found = self._read_until(index)
        if frame is None or found != index:
            self.close()
            raise MediaError(f"frame {index} of {self._path.name} does not decode; {REMEDY}")
        return frame

    def _read_until(self, index: int) -> tuple[VideoFrame | None, int]:
        """The first frame at or after an index, with its own index; (None, -1) at the end."""
        pts = self._index.pts
        wanted = int(pts[index])
        for frame in self._frames:
            if frame.pts is None or frame.pts < wanted:
                continue
            found = int(np.searchsorted(pts, frame.pts))
            if found < len(pts) and pts[found] == frame.pts:
                self._next = found + 1
                return frame, found
        self._next = -1
        return None, -1

    def _seek(self, index: int) -> None:
        try:
            if self._opened is None:
                self._opened = open_stream(self._path)
            container, stream = self._opened
            container.seek(int(self._index.pts[index]), stream=stream)
        except av.FFmpegError as error:
            raise MediaError(f"{self._path.name} cannot be read at frame {index}: {error.strerror}") from error
        self._frames = decoded_frames(container, stream)
        self._next = index


def open_video(path: Path, content_hash: ContentHash, *, indices: IndexCache | None = None) -> FileVideo:
    """Open a video file. indices: saves reading all packets of a file that was indexed before. Raises MediaError."""
    index = indices.load(content_hash) if indices else None
    if index is None:
        index = build_index(path)
        if indices:
            indices.save(content_hash, index)
    return FileVideo(path, index, content_hash)
