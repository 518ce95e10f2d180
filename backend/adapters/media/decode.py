"""Frames of a video file, by exact index, in either direction, in bounded memory.

Decoding starts at a key frame and is matched to the index by presentation time: B-frames, variable frame rates and edit
lists do not shift a frame. A frame that does not decode shows the last good picture before it. No frame is written to
disk. Only the frames of the current pass are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from backend.adapters.media.cursor import Cursor
from backend.adapters.media.index import IndexCache, StreamIndex, build_index
from backend.adapters.media.undecodable import UndecodableFrames
from backend.domain.geometry import RgbFrame
from backend.domain.video import ContentHash, FrameIndex, FrameRange, VideoInfo

HELD_BYTES = 256 * 2**20
"""The limit of decoded frames in a backward pass. A longer group of pictures is decoded in parts, from its key frame
each time."""


class FileVideo:
    """A VideoSource over one video file. Use as a context manager."""

    def __init__(
        self,
        path: Path,
        index: StreamIndex,
        content_hash: ContentHash,
        *,
        undecodable: UndecodableFrames | None = None,
        held_bytes: int = HELD_BYTES,
    ) -> None:
        """undecodable: the frames that are known not to decode; gets those that are met. None: none are known."""
        self._undecodable = UndecodableFrames() if undecodable is None else undecodable
        self._path = path
        self._index = index
        self._info = index.info(content_hash)
        self._held = max(2, held_bytes // (3 * index.width * index.height))
        self._random = Cursor(path, index, self._undecodable)

    @property
    def info(self) -> VideoInfo:
        return self._info

    @cached_property
    def timestamps_s(self) -> Sequence[float]:
        """Presentation time of each frame in seconds, on a player's timeline: a late first frame is not at 0."""
        return self._index.times.seconds()

    def frame(self, index: FrameIndex) -> RgbFrame:
        """One frame, [H, W, 3] uint8 RGB; of one that does not decode the last good picture before it.

        Raises PromptError past the end, MediaError if the file cannot be read.
        """
        return self._random.read(self._info.require_frame(index))

    def frames(self, frame_range: FrameRange, *, backward: bool = False) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        """The range's frames in order, or in descending order. Raises PromptError past the end, MediaError."""
        self._info.require_frame(frame_range.stop - 1)
        return self._backward(frame_range) if backward else self._forward(frame_range)

    def is_undecodable(self, index: int) -> bool:
        """Whether a frame is known not to decode; of a frame that was read it is known."""
        return index in self._undecodable

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
        cursor = Cursor(self._path, self._index, self._undecodable)
        try:
            for index in range(frame_range.start, frame_range.stop):
                yield FrameIndex(index), cursor.read(index)
        finally:
            cursor.close()

    def _backward(self, frame_range: FrameRange) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        cursor = Cursor(self._path, self._index, self._undecodable)
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


def open_video(
    path: Path, content_hash: ContentHash, *, indices: IndexCache | None = None, for_page: bool = False
) -> FileVideo:
    """Open a video file. indices: saves reading all packets of a file that was indexed before. Raises MediaError.

    for_page: refuses a video that no browser plays.
    """
    index = indices.load(content_hash) if indices else None
    if index is None:
        index = build_index(path, for_page=for_page)
        if indices:
            indices.save(content_hash, index)
    undecodable = indices.undecodable(content_hash) if indices else None
    return FileVideo(path, index, content_hash, undecodable=undecodable)
