"""A clock that a test advances; sleep advances it, too."""

from __future__ import annotations

from collections.abc import Callable


class FakeClock:
    """Wall clock and monotonic clock, both set by the test. Seconds."""

    def __init__(self, now_s: float = 1_700_000_000.0) -> None:
        self._now_s = now_s
        self._monotonic_s = 1000.0
        self.slept: list[float] = []

    def now_s(self) -> float:
        return self._now_s

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self._now_s += seconds
        self._monotonic_s += seconds

    def jump_wall(self, seconds: float) -> None:
        """Set the machine's clock: only the wall clock changes."""
        self._now_s += seconds


class WorkingClock(FakeClock):
    """A clock whose sleep runs the worker, because a test has one thread."""

    def __init__(self) -> None:
        super().__init__()
        self.work: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.work()
