"""The bytes of one download: bounded in size, time and rate, over as many responses as the server needs.

Label Studio sends the files of its storages for 20 seconds a response, and the rest in parts of 8 MiB to requests that
name a range. A broken response is therefore continued where it ended, as long as the server has the same version.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

import httpx

from backend.domain.errors import MediaError, MediaUnreachable

RATE_WINDOW_S = 30.0
MIN_BYTES_PER_S = 8 * 2**10
"""A server that sends less over RATE_WINDOW_S is given up: a video would take hours."""

CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class Sink(Protocol):
    """Where the bytes go. An error that it raises ends the download."""

    def write(self, chunk: bytes, /) -> int: ...


class Transfer:
    """The bytes received so far. written: their number. stamp: the version's ETag, or else its Last-Modified."""

    def __init__(self, sink: Sink, *, max_bytes: int, deadline_s: float, monotonic_s: Callable[[], float]) -> None:
        self.written = 0
        self.stamp = ""
        self._length: int | None = None
        self._sink = sink
        self._max_bytes = max_bytes
        self._monotonic_s = monotonic_s
        self._deadline_s = deadline_s
        self._window_s = monotonic_s()
        self._give_up_s = self._window_s + deadline_s
        self._in_window = 0

    @property
    def range(self) -> dict[str, str]:
        """The header that asks for what is missing; none before the first byte."""
        return {"Range": f"bytes={self.written}-"} if self.written else {}

    def receive(self, response: httpx.Response, host: str) -> bool:
        """Writes the body; whether the file is whole. If not, the next response continues it.

        Raises MediaError for a file that is too large, MediaUnreachable for a response that cannot be continued.
        """
        self._begin(response, host)
        before = self.written
        try:
            self._copy(response, host)
        except httpx.HTTPError as error:
            if self.written == before or not self._can_be_continued(response):
                raise MediaUnreachable(
                    f"{host} broke off after {self.written} bytes: {type(error).__name__}"
                ) from error
            return False
        if self._length is None or self.written >= self._length:
            return True
        if self.written == before:
            raise MediaUnreachable(f"{host} broke off after {self.written} bytes and sends nothing more")
        return False

    def _begin(self, response: httpx.Response, host: str) -> None:
        stamp = (response.headers.get("etag") or response.headers.get("last-modified") or "")[:500]
        first, length = _extent(response)
        if self.written and (first, length, stamp) != (self.written, self._length, self.stamp):
            raise MediaUnreachable(f"{host} broke off after {self.written} bytes and did not send the rest")
        self.stamp, self._length = stamp, length
        if length is not None and length > self._max_bytes:
            raise MediaError(self._too_large(host))

    def _copy(self, response: httpx.Response, host: str) -> None:
        for chunk in response.iter_bytes():
            self.written += len(chunk)
            self._in_window += len(chunk)
            now_s = self._monotonic_s()
            if now_s - self._window_s >= RATE_WINDOW_S:
                _require_rate(host, self._in_window / (now_s - self._window_s))
                self._window_s, self._in_window = now_s, 0
            if self.written > self._max_bytes:
                raise MediaError(self._too_large(host))
            if now_s > self._give_up_s:
                raise MediaUnreachable(f"{host} did not send the whole file within {self._deadline_s:g} s")
            self._sink.write(chunk)

    def _can_be_continued(self, response: httpx.Response) -> bool:
        is_ranged = response.status_code == 206 or response.headers.get("accept-ranges", "").lower() == "bytes"
        return is_ranged and bool(self.stamp) and self._length is not None

    def _too_large(self, host: str) -> str:
        return f"the file at {host} is larger than {self._max_bytes} bytes, the most that is fetched"


def _extent(response: httpx.Response) -> tuple[int, int | None]:
    """The position of the body's first byte, and the whole file's length, None if the response does not say."""
    if response.status_code == 206:
        found = CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
        return (int(found[1]), int(found[2])) if found else (-1, None)
    declared = response.headers.get("content-length", "")
    is_plain = response.headers.get("content-encoding", "identity") == "identity"
    return 0, int(declared) if is_plain and declared.isdecimal() else None


def _require_rate(host: str, bytes_per_s: float) -> None:
    if bytes_per_s < MIN_BYTES_PER_S:
        raise MediaUnreachable(
            f"{host} sends {bytes_per_s / 2**10:.1f} KiB a second, too little to wait for; the least is "
            f"{MIN_BYTES_PER_S / 2**10:g}"
        )
