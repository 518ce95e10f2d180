"""The machine's clocks: one that nobody sets, for all that is compared, and the wall clock, for dates."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TIME_NAMESPACE = Path("/proc/self/ns/time")


class SystemClock:
    """The Clock port on the machine's monotonic clock.

    now_s starts at the wall clock and runs with the monotonic clock: it does not follow when the machine's clock is
    set. `share` makes it the same in all processes of the machine.
    """

    def __init__(self) -> None:
        self._offset_s = time.time() - time.monotonic()

    def now_s(self) -> float:
        return self._offset_s + time.monotonic()

    def monotonic_s(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def share(self, offset_s: float) -> None:
        """Uses this offset between the monotonic clock and now_s, in seconds."""
        self._offset_s = offset_s


class WallClock(SystemClock):
    """The wall clock as it is set now, for what a date outside of Masklet ends, such as a signed address."""

    def now_s(self) -> float:
        return time.time()


def boot_name() -> str:
    """Names the machine's boot, and so its monotonic clock; empty where the system has no such name."""
    try:
        name = BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
    with suppress(OSError):
        name += "/" + str(os.stat(TIME_NAMESPACE).st_ino)  # such a namespace has a monotonic clock of its own
    return name
