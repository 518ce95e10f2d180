"""Processor time: of process trees, and of the whole machine."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backend.codecs.proc_stat import children, stat_fields

TICKS_S = os.sysconf("SC_CLK_TCK")
BUSY_FIELDS = (0, 1, 2, 5, 6, 7)
"""user, nice, system, irq, softirq, steal in the first line of /proc/stat."""


@dataclass(frozen=True, slots=True)
class Processor:
    """Seconds of processor time so far. of: by part. busy_s: of all processes of the machine."""

    of: dict[str, float]
    busy_s: float

    def since(self, earlier: Processor) -> Processor:
        return Processor(
            {name: used - earlier.of[name] for name, used in self.of.items()}, self.busy_s - earlier.busy_s
        )


def processor(parts: dict[str, list[int]]) -> Processor:
    """parts: by name the ids of processes, whose children count too."""
    used = {name: sum(_tree_s(pid) for pid in pids) for name, pids in parts.items()}
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return Processor(used, sum(int(fields[n]) for n in BUSY_FIELDS) / TICKS_S)


def _tree_s(pid: int) -> float:
    """Of a process, its children that ended, and its living children; 0.0 if it is gone."""
    with suppress(OSError):
        return sum(map(int, stat_fields(pid)[11:15])) / TICKS_S + sum(_tree_s(child) for child in children(pid))
    return 0.0
