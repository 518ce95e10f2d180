"""Decoding in child processes: a file that crashes or hangs a decoder costs that process, and not the worker.

A child answers one question at a time (interfaces/decoder_process.py) and serves one reader at a time; idle children
are kept, with the videos that they opened last. Does not decode: see decode.py and pages.py.
"""

from __future__ import annotations

import json
import os
import selectors
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from backend.adapters.media.index import IndexCache, StreamIndex, index_of_bytes
from backend.adapters.media.quarantine import Quarantine
from backend.adapters.media.undecodable import UndecodableFrames
from backend.application.ports.frame_by_frame import NoOpContext
from backend.application.ports.progress import work_moved
from backend.domain.errors import MediaUnreachable, error_of
from backend.domain.geometry import FrameSize, RgbFrame
from backend.domain.video import ContentHash, FrameIndex, FrameRange, VideoInfo

CHILD = (sys.executable, "-m", "backend.interfaces.decoder_process")
ANSWER_S = 60.0
"""The longest wait for a frame: those before it, back to the key frame, are decoded first."""

INDEX_S = 600.0
"""The longest wait for an index: a long video's packets are read through once."""

WAIT_S = 1.0

MAX_IDLE = 2
HEAD = struct.Struct("<cqqq")
"""The kind of an answer; for a frame its index, height and width, for other answers their length in bytes."""

FRAME, HELD, BYTES, ERROR, END = b"F", b"H", b"B", b"E", b"S"
"""HELD: a frame that does not decode, with the last good picture before it."""

Question = Mapping[str, object]
Answer = tuple[bytes, int, RgbFrame | bytes]


class DecoderDied(Exception):
    """A child ended or did not answer."""


class _Child:
    def __init__(self, command: Sequence[str], answer_s: float) -> None:
        self._answer_s = answer_s
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def ask(self, question: Question, *, answer_s: float | None = None) -> Answer:
        """Raises DecoderDied, or the error that the child met. answer_s: the longest wait; None: the pool's."""
        give_up_s = time.monotonic() + (self._answer_s if answer_s is None else answer_s)
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps(question).encode() + b"\n")
        except OSError as error:
            raise DecoderDied("it ended") from error
        kind, index, height, width = HEAD.unpack(self._read(stdout, HEAD.size, give_up_s))
        work_moved()
        if kind in (FRAME, HELD):
            body = self._read(stdout, 3 * height * width, give_up_s)
            return kind, index, np.frombuffer(body, dtype=np.uint8).reshape(height, width, 3)
        rest = bytes(self._read(stdout, index, give_up_s))
        if kind == ERROR:
            raise error_of(rest.decode("utf-8", "replace"))
        return kind, 0, rest

    def _read(self, pipe: IO[bytes], length: int, give_up_s: float) -> bytearray:
        body = bytearray(length)
        view, done = memoryview(body), 0
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while done < length:
                left_s = give_up_s - time.monotonic()
                if left_s <= 0:
                    raise DecoderDied("it did not answer in time")
                if not selector.select(min(left_s, WAIT_S)):
                    work_moved()  # the wait has a bound of its own
                    continue
                count = os.readv(pipe.fileno(), [view[done:]])
                if not count:
                    raise DecoderDied("it ended")
                done += count
        return body

    def end(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._process.kill()
        self._process.wait()


class DecoderPool:
    """Safe to share between threads."""

    def __init__(
        self,
        quarantine: Quarantine,
        indices: Path,
        *,
        command: Sequence[str] = CHILD,
        answer_s: float = ANSWER_S,
        index_s: float = INDEX_S,
    ) -> None:
        """indices: the folder of the videos' indices. command: starts a child; gets that folder.

        answer_s, index_s: the longest waits for a frame and for an index, in seconds.
        """
        self._index_s = index_s
        self._quarantine = quarantine
        self._command = (*command, str(indices))
        self._answer_s = answer_s
        self._idle: list[_Child] = []
        # Held here, too: Python closes the pipes of a child that is garbage with the reader that gives it back.
        self._lent: set[_Child] = set()
        # A reader may be given back by the garbage collection of a thread that holds it.
        self._lock = threading.RLock()

    def prepare(self) -> None:
        """Starts a child ahead of the first question: that takes it a second."""
        with self._lock:
            if not self._idle:
                self._idle.append(_Child(self._command, self._answer_s))

    def open_video(self, path: Path, content_hash: ContentHash, *, indices: IndexCache) -> ChildVideo:
        """Opens a video file, of which nothing is read in this process. Raises MediaError or MediaUnreachable."""
        self._quarantine.require_allowed(content_hash, path.name)
        index = indices.load(content_hash)
        if index is None:
            with self.reader(content_hash, path.name) as child:
                _, _, body = child.ask({"ask": "index", "path": str(path)}, answer_s=self._index_s)
            assert isinstance(body, bytes)
            index = index_of_bytes(body)
            indices.save(content_hash, index)
        return ChildVideo(self, path, index, content_hash, indices.undecodable(content_hash))

    def read_page(self, path: Path, index: int, size: FrameSize) -> RgbFrame:
        """A page [H, W, 3] uint8 RGB. Its file's name in the media cache is its content hash.

        Raises MediaError or MediaUnreachable.
        """
        with self.reader(ContentHash(path.stem.lower()), f"page {index + 1}") as child:
            question = {"ask": "page", "path": str(path), "index": index, "width": size.width, "height": size.height}
            _, _, page = child.ask(question)
        assert isinstance(page, np.ndarray)
        return page

    @contextmanager
    def reader(self, content_hash: ContentHash, name: str) -> Iterator[_Child]:
        """A child of one's own. A death is counted. Raises MediaError, and MediaUnreachable if it dies."""
        self._quarantine.require_allowed(content_hash, name)
        with self._lock:
            child = self._idle.pop() if self._idle else None
        child = child or _Child(self._command, self._answer_s)
        self._lent.add(child)
        is_well = False
        try:
            yield child
            is_well = True
        except DecoderDied as error:
            times = self._quarantine.count_death(content_hash, name)
            self._quarantine.require_allowed(content_hash, name)
            raise MediaUnreachable(f"the decoder died of {name} (time {times}): {error}") from error
        except (Exception, GeneratorExit):
            is_well = True  # it answered, if with an error; a reader that reads on no more has all its answers
            raise
        finally:
            self._give_back(child, is_well=is_well)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def _give_back(self, child: _Child, *, is_well: bool) -> None:
        self._lent.discard(child)
        with self._lock:
            is_kept = is_well and len(self._idle) < MAX_IDLE
            if is_kept:
                self._idle.append(child)
        if not is_kept:
            child.end()


@dataclass(frozen=True, slots=True)
class ChildVideo(NoOpContext):
    """A VideoSource over one video file, decoded in child processes."""

    pool: DecoderPool
    path: Path
    index: StreamIndex
    content_hash: ContentHash
    undecodable: UndecodableFrames

    @property
    def info(self) -> VideoInfo:
        return self.index.info(self.content_hash)

    @property
    def timestamps_s(self) -> Sequence[float]:
        """Presentation time of each frame in seconds, as a player counts them."""
        return self.index.times.seconds()

    def frame(self, index: FrameIndex) -> RgbFrame:
        """One frame, [H, W, 3] uint8 RGB. Raises PromptError past the end, MediaError, MediaUnreachable."""
        number = int(self.info.require_frame(index))
        with self.pool.reader(self.content_hash, self.path.name) as child:
            kind, _, frame = child.ask({"ask": "frame", **self._file, "index": number})
        return self._seen(kind, number, frame)

    def frames(self, frame_range: FrameRange, *, backward: bool = False) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        """The range's frames in order, or in descending order. Raises as `frame` does."""
        self.info.require_frame(frame_range.stop - 1)
        return self._streamed(frame_range, backward=backward)

    def _streamed(self, frame_range: FrameRange, *, backward: bool) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        with self.pool.reader(self.content_hash, self.path.name) as child:
            child.ask(
                {
                    "ask": "stream",
                    **self._file,
                    "start": int(frame_range.start),
                    "stop": int(frame_range.stop),
                    "backward": backward,
                }
            )
            while True:
                kind, index, frame = child.ask({"ask": "next"})
                if kind == END:
                    return
                yield FrameIndex(index), self._seen(kind, index, frame)

    def is_undecodable(self, index: int) -> bool:
        """Whether a frame is known not to decode; of a frame that was read it is known."""
        return index in self.undecodable

    def _seen(self, kind: bytes, index: int, frame: RgbFrame | bytes) -> RgbFrame:
        assert isinstance(frame, np.ndarray)
        if kind == HELD:
            self.undecodable.add(index)
        return frame

    @property
    def _file(self) -> dict[str, object]:
        return {"path": str(self.path), "hash": str(self.content_hash)}
