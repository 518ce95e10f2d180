"""One hover at a time per person: a moving mouse asks often, and only its last place matters."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from backend.domain.errors import NotYet


class HoverTurns:
    """Lets the newest hover of each key wait for the running one; older ones that wait give up."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: set[Hashable] = set()
        self._newest: dict[Hashable, int] = {}
        self._count = 0

    @contextmanager
    def turn(self, key: Hashable, *, longest_s: float) -> Iterator[None]:
        """Raises NotYet if a newer hover of the same key comes, or none ends within longest_s."""
        with self._changed:
            self._count += 1
            own = self._newest[key] = self._count
            self._changed.notify_all()
            is_free = self._changed.wait_for(
                lambda: key not in self._running or self._newest.get(key) != own, timeout=longest_s
            )
            if not is_free or self._newest.get(key) != own:
                raise NotYet("a newer hover replaced this one")
            self._running.add(key)
        try:
            yield
        finally:
            with self._changed:
                self._running.discard(key)
                if self._newest.get(key) == own:
                    del self._newest[key]
                self._changed.notify_all()
