"""The start of a process, from the /proc file system: tells it from a later process with the same pid."""

from __future__ import annotations

from pathlib import Path


def started_ticks(pid: int) -> int:
    """When a process started, in clock ticks since the machine's start; 0 if that is not known."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    state, *fields = stat.rpartition(")")[2].split()
    return 0 if state == "Z" else int(fields[18])
