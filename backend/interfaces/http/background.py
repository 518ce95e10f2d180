"""A step repeated in a thread of its own, beside the requests.

A step that fails is logged, and the next one follows. Requests do not wait for a step.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)

MAX_STOP_S = 5.0
"""A step that hangs in a call to some service does not hold up the process's end longer than this."""


class Background:
    """Runs a step every period until stopped. Use as a context manager."""

    def __init__(self, name: str, step: Callable[[], object], *, period_s: float) -> None:
        self._name = name
        self._step = step
        self._period_s = period_s
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(MAX_STOP_S)

    def _run(self) -> None:
        while not self._is_over.is_set():
            try:
                self._step()
            except Exception:  # the loop outlives whatever a step meets; the log keeps it
                logger.exception("%s failed; it goes on", self._name)
            self._is_over.wait(self._period_s)
