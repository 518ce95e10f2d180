"""Wall clock, monotonic clock and sleep, as a protocol."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    def now_s(self) -> float:
        """Wall-clock seconds since the epoch, for records."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never jump, for deadlines and durations."""
        ...

    def sleep(self, seconds: float) -> None: ...
