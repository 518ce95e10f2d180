"""Steps repeated in threads of their own, beside the requests.

A step that fails is logged, and the next one follows. Requests do not wait for a step, and steps do not wait for each
other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

logger = logging.getLogger(__name__)

MAX_STOP_S = 5.0
"""A step that hangs in a call to some service does not hold up the process's end longer than this."""

LATE_S = 60.0
"""A step that takes longer than this is late."""


class Background:
    """Runs a step every period until stopped. Use as a context manager."""

    def __init__(
        self,
        name: str,
        step: Callable[[], object],
        *,
        period_s: float,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._step = step
        self._period_s = period_s
        self._monotonic_s = monotonic_s
        self._began_s: float | None = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def running_s(self) -> float:
        """How long the present step has been running, in seconds; 0.0 between two steps."""
        began_s = self._began_s
        return 0.0 if began_s is None else self._monotonic_s() - began_s

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(MAX_STOP_S)

    def _run(self) -> None:
        while not self._is_over.is_set():
            self._began_s = self._monotonic_s()
            try:
                self._step()
            except Exception:  # the loop outlives whatever a step meets; the log keeps it
                logger.exception("%s failed; it goes on", self.name)
            self._began_s = None
            self._is_over.wait(self._period_s)


def late_steps(running: Sequence[Background]) -> dict[str, float]:
    """The steps that take longer than LATE_S: their names, and for how many seconds they have been running."""
    durations = {one.name: one.running_s for one in running}
    return {name: round(seconds_s, 1) for name, seconds_s in durations.items() if seconds_s > LATE_S}
