"""A reader of one video file with a position: decodes onwards from it, or seeks to a key frame.

A frame that does not decode shows the last good picture before it. The time for a pass is linear in its frames, however
many of them do not decode.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from backend.adapters.media.damaged import damage_named
from backend.adapters.media.index import StreamIndex
from backend.adapters.media.packet_times import FrameTags, without_guessed
from backend.adapters.media.packets import decoded_frames
from backend.adapters.media.probe import REMEDY, open_stream
from backend.adapters.media.undecodable import UndecodableFrames
from backend.application.ports.progress import work_moved
from backend.domain.errors import MediaError
from backend.domain.geometry import RgbFrame

Numbered = tuple[int, VideoFrame]
"""A decoded frame with its index."""


class Cursor:
    def __init__(self, path: Path, index: StreamIndex, undecodable: UndecodableFrames) -> None:
        """undecodable: gets the frames that do not decode."""
        self._path = path
        self._index = index
        self._undecodable = undecodable
        self._tags = FrameTags(index.tags)
        self._keys, self._seeks = self._tags.keys_from(index.key_tags, index.key_seeks)
        self._opened: tuple[InputContainer, VideoStream] | None = None
        self._decoded: Iterator[Numbered] = iter(())
        self._began = 0
        """The key frame at which decoding began."""
        self._position = -1
        """Frames below were decoded or do not decode; -1: nothing is being decoded."""
        self._held: Numbered | None = None
        """The newest picture below the position."""
        self._ahead: Numbered | None = None
        """The first picture from the position on, if it was decoded already."""
        self._last: tuple[int, RgbFrame] | None = None

    def key_before(self, index: int) -> int:
        """The last key frame at or before this frame; 0 without one."""
        position = int(np.searchsorted(self._keys, index, side="right")) - 1
        return int(self._keys[position]) if position >= 0 else 0

    def read(self, index: int) -> RgbFrame:
        """One frame, [H, W, 3] uint8 RGB, or the picture that it shows. Raises MediaError."""
        if self._last is not None and self._last[0] == index:
            return self._last[1].copy()
        with damage_named(self._path.name):
            upright = self._picture(index)
        self._last = (index, upright)
        return upright.copy()

    def close(self) -> None:
        if self._opened is not None:
            self._opened[0].close()
        self._opened = None
        self._decoded = iter(())
        self._position = -1
        self._held = self._ahead = None

    def _picture(self, index: int) -> RgbFrame:
        found, frame = self._find(index)
        work_moved()
        if (frame.width, frame.height) != (self._index.width, self._index.height):
            raise MediaError(
                f"{self._path.name} changes its frame size at frame {found}, from {self._index.width}x"
                f"{self._index.height} to {frame.width}x{frame.height}; {REMEDY}"
            )
        rgb: RgbFrame = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
        return self._index.orientation.upright(rgb)

    def _find(self, index: int) -> Numbered:
        """The frame, or the last good one before it."""
        key = self.key_before(index)
        if not 0 <= self._position <= index or key > self._position:
            self._seek(key)
        held = self._advance(index)
        # A seek by the container's own index can land after the requested key frame, and some key frames do not decode
        # on their own: decoding from the key frame before finds the frame. Before a damaged group, the picture to show
        # is in the group before; each step back is twice as far, so that a long damaged part is not read many times.
        back = 1
        while self._began > 0 and (held is None or (held[0] < index and self._began >= key)):
            self._seek(self._key_back(self._began, back))
            held, back = self._advance(index), 2 * back
        if held is None:
            self.close()
            raise MediaError(f"frame {index} of {self._path.name} does not decode, nor one before it; {REMEDY}")
        if held[0] < index:
            self._undecodable.add(index)
        return held

    def _key_back(self, index: int, count: int) -> int:
        """The key frame that is `count` key frames before this one, or the first frame."""
        position = int(np.searchsorted(self._keys, index, side="left")) - count
        return int(self._keys[position]) if position >= 0 else 0

    def _advance(self, index: int) -> Numbered | None:
        """Decodes up to a frame; returns the newest picture up to it."""
        while self._held is None or self._held[0] < index:
            newer = self._ahead or next(self._decoded, None)
            if newer is None or newer[0] > index:
                self._ahead = newer
                break
            self._held, self._ahead = newer, None
        self._position = index + 1
        return self._held

    def _seek(self, index: int) -> None:
        self._held = self._ahead = None
        container, stream = self._opened = self._opened or open_stream(self._path)
        try:
            container.seek(self._seeks.get(index, int(self._index.tags[index])), stream=stream)
        except av.FFmpegError:  # some files name no place of a key frame: they are read from their beginning
            self.close()
            container, stream = self._opened = open_stream(self._path)
            index = 0
        keys = set(self._keys.tolist())
        numbered = self._numbered(container, stream)
        self._decoded = without_guessed(numbered, keys, is_unchecked=self._index.is_unchecked)
        self._began = self._position = index

    def _numbered(self, container: InputContainer, stream: VideoStream) -> Iterator[Numbered]:
        for frame in decoded_frames(container, stream, by_dts=self._index.by_dts):
            found = self._tags.index_of(frame.pts)
            if found is not None:
                yield found, frame
