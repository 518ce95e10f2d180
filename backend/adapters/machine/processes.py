"""Which process this is among those of all machines, and whether another one of this machine is gone."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

from backend.adapters.machine.clocks import boot_name
from backend.application.ports.cluster.leases import ProcessPlace
from backend.codecs.proc_stat import started_ticks

PROCESS_NAMESPACE = Path("/proc/self/ns/pid")


def own_place() -> ProcessPlace:
    pid = os.getpid()
    return ProcessPlace(_machine(), pid, started_ticks(pid), socket.gethostname())


def is_dead(place: ProcessPlace) -> bool:
    """Whether the process is of this machine, as seen from here, and gone; False if that cannot be told."""
    is_known = bool(place.machine and place.started)
    return is_known and place.machine == _machine() and started_ticks(place.pid) != place.started


def _machine() -> str:
    """Process ids of one container mean nothing in another one."""
    boot = boot_name()
    with suppress(OSError):
        return f"{boot}/{os.stat(PROCESS_NAMESPACE).st_ino}" if boot else ""
    return ""
