"""The ledger's clock, the monotonic clock and sleep, as a protocol."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    def now_s(self) -> float:
        """Seconds since the epoch, for records and for what processes compare: the same in all of them.

        It does not follow when a machine's clock is set, and so may differ from the date.
        """
        ...

    def monotonic_s(self) -> float:
        """Seconds of this process, for deadlines and durations."""
        ...

    def sleep(self, seconds: float) -> None: ...
