"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 300.0
"""Long, because a busy machine may take long; a test that passes does not wait for it."""


def eventually(
    condition: Callable[[], bool], *, each: Callable[[], object] = lambda: None, patience_s: float = PATIENCE_S
) -> None:
    """Returns when the condition holds. each: called before each look. Raises AssertionError after patience_s."""
    deadline_s = time.monotonic() + patience_s
    while time.monotonic() < deadline_s:
        each()
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("the condition did not become true")
