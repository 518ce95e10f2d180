"""Who has the engine, where several propagations go on in one process: each in turn, for one frame.

The engine is for one thread at a time. First come, first served, and whoever had a frame stands behind the others, so
that two go on frame by frame. Who has to let others go first, and for how long, is not decided here (see watch).
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
    """The line of those who want the engine; the first has it."""

    _line: deque[object] = field(default_factory=deque)
    _moved: threading.Condition = field(default_factory=threading.Condition)

    def enter(self, who: object) -> None:
        """Wait until it is one's turn."""
        with self._moved:
            self._line.append(who)
            self._moved.wait_for(lambda: self._line[0] is who)

    def leave(self) -> None:
        """Let the next one have it. Only for who has it."""
        with self._moved:
            self._line.popleft()
            self._moved.notify_all()

    @property
    def has_others(self) -> bool:
        """Whether anybody stands in line behind the one whose turn it is."""
        return len(self._line) > 1


class EngineTurn:
    """One propagation's place in the rota. Use as a context manager, from one thread: inside, it has the engine."""

    def __init__(self, rota: EngineQueue | None = None) -> None:
        self._rota = EngineQueue() if rota is None else rota
        self._is_taken = False

    def __enter__(self) -> None:
        self._rota.enter(self)
        self._is_taken = True

    def __exit__(self, *_: object) -> None:
        self._is_taken = False
        self._rota.leave()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Let others have the engine meanwhile; on leaving it is one's own again, also if something was raised."""
        if not self._is_taken:
            yield
            return
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()

    def yield_turn(self) -> None:
        """Let everybody who stands in line have a frame first."""
        if self._rota.has_others:
            with self.released():
                pass


class EngineLock:
    """Who may use the engine: real work takes its turn as soon as the current frame is done."""

    def __init__(self) -> None:
        self._engine = threading.Lock()
        self._working = threading.Event()

    @contextmanager
    def work(self) -> Iterator[None]:
        """Real work, by the one thread that does it."""
        self._working.set()
        try:
            with self._engine:
                yield
        finally:
            self._working.clear()

    @property
    def is_working(self) -> bool:
        """Whether there is real work now."""
        return self._working.is_set()

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Work that can wait, for one frame. Raises Cancelled if there is real work."""
        self.raise_if_cancelled()
        with self._engine:
            yield

    def raise_if_cancelled(self) -> None:
        if self._working.is_set():
            raise Cancelled("real work came")
