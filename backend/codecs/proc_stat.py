"""What the /proc file system tells of a process: its state, start and children."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def stat_fields(pid: int) -> list[str]:
    """The fields of a process after its command's name: state first, then numbers. Raises OSError if it is gone."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_seconds(pid: int) -> float:
    """The processor time of a process so far, in seconds, without its children's. Raises OSError if it is gone."""
    user, system = stat_fields(pid)[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def started_ticks(pid: int) -> int:
    """When a process started, in clock ticks since the machine's start; 0 if that is not known.

    It tells the process from a later one with the same pid.
    """
    try:
        state, *fields = stat_fields(pid)
    except OSError:
        return 0
    return 0 if state == "Z" else int(fields[18])


def children(pid: int) -> list[int]:
    """The process ids of a process's children, of all its threads; none where the system does not tell."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, listed.read_text().split())
    return found
