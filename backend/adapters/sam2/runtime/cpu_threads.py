"""How many CPU threads the model gets, and how long they wait for each other without sleep."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")

SPIN_COUNT = "3000"
"""Rounds in which an OpenMP thread that waits keeps its core, about ten microseconds.

OpenMP's own default is 300,000. Where another process uses a core, the thread that is waited for then gets no core for
as long: with one busy core of two, a propagation took 40 times as long (`./scripts/bench engine --only busy_cores`).
The count covers the pause between two layers, so an idle machine loses nothing.
"""


def bound_spinning() -> None:
    """Sets SPIN_COUNT unless the environment says otherwise. No effect once torch is imported."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)


def usable_cores() -> int:
    """The cores this process may use, at least 1: its affinity, and the CPU limit of its container, rounded up."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(min(cores, _container_limit(cores)), 1)


def _container_limit(default: int) -> int:
    """The control group's CPU time over its period: version 2's file, then version 1's."""
    with suppress(OSError, ValueError, IndexError):
        quota, period = (CGROUP / "cpu.max").read_text().split()[:2]
        return math.ceil(int(quota) / int(period)) if quota != "max" else default
    with suppress(OSError, ValueError):
        quota_us = int((CGROUP / "cpu" / "cpu.cfs_quota_us").read_text())
        period_us = int((CGROUP / "cpu" / "cpu.cfs_period_us").read_text())
        return math.ceil(quota_us / period_us) if quota_us > 0 and period_us > 0 else default
    return default
