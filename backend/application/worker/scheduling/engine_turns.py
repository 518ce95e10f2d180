"""Turns of the engine, where several propagations run in one process: one frame per turn, first in, first out.

The engine serves one thread at a time. A propagation that computed a frame queues up again behind the others. When a
propagation yields, and for how long, is decided in `job_control`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from backend.domain.errors import Cancelled


@dataclass(frozen=True, slots=True)
class EngineQueue:
    """The queue for the engine. The first entry has the engine."""

    _entries: deque[object] = field(default_factory=deque)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def enter(self, entry: object) -> None:
        """Waits until the entry is first."""
        with self._changed:
            self._entries.append(entry)
            self._changed.wait_for(lambda: self._entries[0] is entry)

    def leave(self) -> None:
        """Gives the engine to the next entry. Only the first entry may call it."""
        with self._changed:
            self._entries.popleft()
            self._changed.notify_all()

    @property
    def has_others(self) -> bool:
        """Whether there are entries behind the first."""
        return len(self._entries) > 1


class EngineTurn:
    """One propagation's turn. A context manager, used from one thread: inside, the propagation has the engine."""

    def __init__(self, queue: EngineQueue | None = None) -> None:
        self._queue = EngineQueue() if queue is None else queue
        self._is_taken = False

    def __enter__(self) -> None:
        self._queue.enter(self)
        self._is_taken = True

    def __exit__(self, *_: object) -> None:
        self._is_taken = False
        self._queue.leave()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Releases the engine inside, and takes it again on exit, also after an exception."""
        if not self._is_taken:
            yield
            return
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()

    def yield_turn(self) -> None:
        """Lets every queued propagation compute one frame first."""
        if self._queue.has_others:
            with self.released():
                pass


class EngineLock:
    """The engine's lock between jobs, hovers and prewarming.

    A job gets the engine as soon as the current frame is done; a hover gets it before the next frame of prewarming.
    """

    def __init__(self) -> None:
        self._engine = threading.Lock()
        self._working = threading.Event()
        self._no_hover = threading.Event()
        self._no_hover.set()

    @contextmanager
    def work(self) -> Iterator[None]:
        """A job holds the engine. Used by one thread."""
        self._working.set()
        try:
            with self._engine:
                yield
        finally:
            self._working.clear()

    @property
    def is_working(self) -> bool:
        """Whether a job holds or awaits the engine."""
        return self._working.is_set()

    def wait_for_work(self, timeout_s: float) -> bool:
        """Waits until a job holds or awaits the engine; False after timeout_s without one."""
        return self._working.wait(timeout_s)

    @contextmanager
    def hover(self) -> Iterator[None]:
        """A hover holds the engine for one decoding. Waits for a job. Used by one thread."""
        self._no_hover.clear()
        try:
            with self._engine:
                yield
        finally:
            self._no_hover.set()

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Prewarming holds the engine for one frame. Waits for a hover. Raises Cancelled if there is a job."""
        self.raise_if_cancelled()
        self._no_hover.wait()
        self.raise_if_cancelled()
        with self._engine:
            yield

    def raise_if_cancelled(self) -> None:
        if self._working.is_set():
            raise Cancelled("a job needs the engine")
