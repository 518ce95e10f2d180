"""Which process this is among those of all machines, and whether another one of this machine is gone."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

from backend.adapters.machine.clocks import boot_name
from backend.application.ports.cluster.leases import ProcessPlace

PROCESS_NAMESPACE = Path("/proc/self/ns/pid")


def own_place() -> ProcessPlace:
    pid = os.getpid()
    return ProcessPlace(_machine(), pid, _started(pid), socket.gethostname())


def is_dead(place: ProcessPlace) -> bool:
    """Whether the process is of this machine, as seen from here, and gone; False if that cannot be told."""
    return (
        bool(place.machine and place.started) and place.machine == _machine() and _started(place.pid) != place.started
    )


def _machine() -> str:
    """Process ids of one container mean nothing in another one."""
    boot = boot_name()
    with suppress(OSError):
        return f"{boot}/{os.stat(PROCESS_NAMESPACE).st_ino}" if boot else ""
    return ""


def _started(pid: int) -> int:
    """The process's start in clock ticks since the boot; 0 if it is gone, or the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    state, *fields = stat.rpartition(")")[2].split()
    return 0 if state == "Z" else int(fields[18])
