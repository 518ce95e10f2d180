"""Values that a slow server gives, kept in memory and renewed beside the calls that use them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from backend.application.ports.clock import Clock
from backend.domain.errors import MaskletError
from backend.domain.recent import Recent

logger = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Run = Callable[[Callable[[], None]], None]


def in_a_thread(work: Callable[[], None]) -> None:
    """Runs work beside the caller; a stopping process does not wait for it."""
    threading.Thread(target=work, daemon=True).start()


class Renewed(Generic[Key, Value]):
    """At most `most` values by key. Thread-safe.

    A value is used as it is for renew_after_s seconds. After that it is still used, and read again beside the caller:
    a click does not wait for the server. After longest_s the caller reads it.
    """

    def __init__(
        self, most: int, clock: Clock, *, renew_after_s: float, longest_s: float, run: Run = in_a_thread
    ) -> None:
        self._clock = clock
        self._renew_after_s = renew_after_s
        self._longest_s = longest_s
        self._run = run
        self._values: Recent[Key, tuple[float, Value]] = Recent(most)
        self._renewing: set[Key] = set()
        self._lock = threading.Lock()

    def get(self, key: Key, read: Callable[[], Value], *, longest_s: float | None = None) -> Value:
        """The value. longest_s: the highest age for this call. Raises what `read` raises for the caller."""
        known = self._values.get(key)
        age_s = float("inf") if known is None else self._clock.monotonic_s() - known[0]
        if known is None or age_s >= (self._longest_s if longest_s is None else longest_s):
            return self._read(key, read)
        if age_s >= self._renew_after_s:
            self._renew(key, read)
        return known[1]

    def _read(self, key: Key, read: Callable[[], Value]) -> Value:
        asked_s = self._clock.monotonic_s()
        value = read()
        self._values.put(key, (asked_s, value))
        return value

    def _renew(self, key: Key, read: Callable[[], Value]) -> None:
        """Reads the value beside the caller, unless that is under way; an error leaves it as it is."""
        with self._lock:
            if key in self._renewing:
                return
            self._renewing.add(key)

        def renew() -> None:
            try:
                self._read(key, read)
            except MaskletError as error:
                logger.info("a value of Label Studio is not renewed: %s", error)
            finally:
                with self._lock:
                    self._renewing.discard(key)

        self._run(renew)
