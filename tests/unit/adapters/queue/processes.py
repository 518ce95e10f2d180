"""What tests of real processes ask."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def is_alive(pid: int) -> bool:
    """A zombie counts as dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(condition: Callable[[], bool], *, each: Callable[[], object] = lambda: None) -> None:
    deadline_s = time.monotonic() + 120.0
    while time.monotonic() < deadline_s:
        each()
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("the condition did not become true")
