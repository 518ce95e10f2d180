"""A child process that decodes pages for the web process, one at a time."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from backend.adapters.media.serving.decode_order import DecodeOrder
from backend.domain.errors import MediaUnreachable, error_of

LENGTH_BYTES = 8


class PageChild:
    """Started by the first question, replaced when it dies. Safe to use from many threads."""

    def __init__(self, command: Sequence[str], *, answer_s: float) -> None:
        """command: starts the process. answer_s: the longest wait for an answer, in seconds."""
        self._command = tuple(command)
        self._answer_s = answer_s
        self._order = DecodeOrder()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def is_started(self) -> bool:
        return self._child is not None

    def prepare(self) -> None:
        """Starts the process unless it runs: its start takes seconds, and the first page would wait for it."""
        if self._lock.acquire(blocking=False):  # while a page is decoded, it runs
            try:
                with suppress(OSError):  # the first page says so
                    self._running()
            finally:
                self._lock.release()

    def answer(self, video: str, frame: int, question: object) -> bytes:
        """A page as a JPEG file. Raises the child's error, MediaUnreachable if it does not answer."""
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
