"""The order in which waiting requests for frames are decoded: onwards through one video, so that few frames are seeks.

A request that has waited for LONGEST_S comes first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LONGEST_S = 1.0


@dataclass(eq=False, slots=True)
class _Request:
    video: str
    frame: int
    since_s: float


@dataclass(slots=True)
class DecodeOrder:
    """A lock that is handed to the request whose frame follows the last one.

    The request that leaves chooses the next one. Waiting requests do not choose for themselves: the choice depends on
    the time, so that two of them could each wait for the other.
    """

    _changed: threading.Condition = field(default_factory=threading.Condition)
    _waiting: list[_Request] = field(default_factory=list)
    _holder: _Request | None = None
    _last: tuple[str, int] = ("", -1)

    @contextmanager
    def turn(self, video: str, frame: int) -> Iterator[None]:
        """Holds the lock. video: a name that all requests for one video share."""
        request = _Request(video, frame, time.monotonic())
        with self._changed:
            self._waiting.append(request)
            if self._holder is None:
                self._hand_on()
            while self._holder is not request:
                self._changed.wait()
        try:
            yield
        finally:
            with self._changed:
                self._hand_on()

    def _hand_on(self) -> None:
        """Gives the lock to the next request, or to none."""
        self._holder = self._next() if self._waiting else None
        if self._holder is not None:
            self._waiting.remove(self._holder)
            self._last = (self._holder.video, self._holder.frame)
            self._changed.notify_all()

    def _next(self) -> _Request:
        oldest = self._waiting[0]
        if time.monotonic() - oldest.since_s >= LONGEST_S:
            return oldest
        video, frame = self._last
        onwards = [each for each in self._waiting if each.video == video and each.frame >= frame]
        return min(onwards, key=lambda each: each.frame) if onwards else self._lowest(oldest.video)

    def _lowest(self, video: str) -> _Request:
        return min((each for each in self._waiting if each.video == video), key=lambda each: each.frame)
