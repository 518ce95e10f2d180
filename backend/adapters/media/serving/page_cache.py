"""Pages of videos on demand: decoded by a child process and cached in a folder of bounded size.

The web process never loads a decoder: a damaged file can crash only the child, which is replaced. A cached page never
changes: its name is the video's content and the frame.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from backend.adapters.media.serving.decode_order import DecodeOrder
from backend.codecs.atomic_file import write_atomically
from backend.domain.errors import MediaError, MediaUnreachable, error_of
from backend.domain.tasks import MediaRef

logger = logging.getLogger(__name__)

CHILD = (sys.executable, "-P", "-m", "backend.interfaces.page_process")
ANSWER_S = 60.0
LENGTH_BYTES = 8
SWEEP_EVERY = 200


class PageDecoder:
    """One child process that decodes pages, started by the first call. Safe to use from many threads."""

    def __init__(self, command: Sequence[str] = CHILD, *, answer_s: float = ANSWER_S) -> None:
        self._command = tuple(command)
        self._answer_s = answer_s
        self._order = DecodeOrder()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Starts the process unless it runs: its start takes seconds, and the first page would wait for it."""
        if self._lock.acquire(blocking=False):  # while a page is decoded, it runs
            try:
                with suppress(OSError):  # the first page says so
                    self._running()
            finally:
                self._lock.release()

    def page(self, media_id: str, frame: int) -> bytes:
        """A page as a JPEG file. Raises the child's error, MediaUnreachable if it does not answer."""
        return self._answer(media_id, frame, [media_id, frame])

    def picture(self, media: MediaRef, content_hash: str, frame: int) -> bytes:
        """A frame of a task's media as a JPEG file. content_hash: of the video; empty for pages.

        Raises as `page` does, and MediaUnreachable if the video at the address is another one by now.
        """
        question = {
            "addresses": list(media.addresses),
            "is_pages": media.is_pages,
            "content_hash": content_hash,
            "frame": frame,
        }
        return self._answer(content_hash or media.addresses[0], frame, question)

    def _answer(self, video: str, frame: int, question: object) -> bytes:
        with self._order.turn(video, frame), self._lock:
            try:
                return self._ask(question)
            except (OSError, EOFError) as error:
                self._end()
                raise MediaUnreachable(f"frame {frame} could not be decoded: {error}; ask again") from error

    def close(self) -> None:
        with self._lock:
            self._end()

    def _ask(self, question: object) -> bytes:
        child = self._running()
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(question).encode() + b"\n")
        child.stdin.flush()
        failed = self._read(child.stdout, 1) == b"E"
        body = self._read(child.stdout, int.from_bytes(self._read(child.stdout, LENGTH_BYTES), "big"))
        if failed:
            raise error_of(body.decode("utf-8", "replace"))
        return body

    def _read(self, pipe: IO[bytes], length: int) -> bytes:
        parts: list[bytes] = []
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while length:
                if not selector.select(self._answer_s):
                    raise EOFError(f"the decoder did not answer within {self._answer_s:g} s")
                part = os.read(pipe.fileno(), length)
                if not part:
                    raise EOFError("the decoder crashed on this file")
                parts.append(part)
                length -= len(part)
        return b"".join(parts)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._end()
            self._child = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
            )
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        child.kill()
        child.wait()


class PageCache:
    """A folder of pages, at most about max_bytes large. Evicts the least recently used pages."""

    def __init__(self, root: Path, max_bytes: int) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._puts = 0

    def get(self, media_id: str, frame: int) -> bytes | None:
        path = self._path(media_id, frame)
        try:
            body = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return body

    def put(self, media_id: str, frame: int, body: bytes) -> None:
        """Store a page of at most max_bytes. A full disk is logged; then the page is decoded again at its next use."""
        if len(body) > self._max_bytes:
            return
        path = self._path(media_id, frame)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, body)
        except OSError as error:
            logger.warning("a page is not cached: %s", error.strerror)
        self._puts += 1
        if self._puts % SWEEP_EVERY == 1:
            self.sweep()

    def sweep(self) -> None:
        """Remove the least recently used pages down to the limit."""
        found = []
        for path in self._root.glob("*/*"):
            with suppress(FileNotFoundError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        excess = sum(size for _, size, _ in found) - self._max_bytes
        for _, size, path in sorted(found, key=lambda entry: entry[0]):
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= size

    def _path(self, media_id: str, frame: int) -> Path:
        if not media_id.isalnum():
            raise MediaError("a medium's id is letters and digits")
        return self._root / media_id / f"{frame}.jpg"
