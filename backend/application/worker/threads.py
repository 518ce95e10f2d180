"""Threads beside the work of a process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def in_thread(name: str, work: Callable[[threading.Event], None], *, join_s: float | None = 0.0) -> Iterator[None]:
    """Runs `work` in a thread of its own meanwhile; `work` ends when the event is set.

    join_s: the longest wait for its end, in seconds; None: without a bound.
    """
    ended = threading.Event()
    thread = threading.Thread(target=work, args=(ended,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(join_s)
