"""Wiring of heartbeats and of their probe: how long a process may be without a step of work, and where it says so.

The probe is started every few seconds: nothing here imports the container and what it opens.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from backend.adapters.queue.heartbeat_file import ProcessHeartbeat, heartbeat_folder
from backend.adapters.queue.probe import probe
from backend.application.ports.progress import subscribed_to_work
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.bootstrap.container import Container

LOADS = 10.0
"""The bound of a process that starts, in bounds of one that works: it reads gigabytes from a slow disk."""

COMPILING_S = 1800.0
"""The bound of one step while steps are compiled: kernels are tried out for minutes."""


def start_bound_s(container: Container) -> float:
    """The longest step, in seconds, of a process that starts and loads its model."""
    return max(LOADS * container.settings.hang_timeout_s, 0.0 if container.settings.compile == "off" else COMPILING_S)


def work_bound_s(container: Container) -> float:
    """The longest step, in seconds, of a process that works. Compiled steps are compiled again for new shapes."""
    bound_s = container.settings.hang_timeout_s
    return bound_s if container.settings.compile == "off" else max(bound_s, COMPILING_S / 3)


def web_name(port: int) -> str:
    """The name of the web process at a port of this host."""
    return f"web-{port}"


def own_worker_name(kind: str) -> str:
    """The name of this worker process of a kind, unless it is given one: unique among live workers."""
    return f"{kind}-{socket.gethostname()}-{os.getpid()}"


@contextmanager
def beating(container: Container, name: str) -> Iterator[ProcessHeartbeat]:
    """Inside, this process's steps of work move its heartbeat. Starts with the bound of a start.

    name: the process's, unique on this host.
    """
    path = heartbeat_folder(container.folder.root) / name
    heartbeat = ProcessHeartbeat(path, bound_s=start_bound_s(container))
    with subscribed_to_work(heartbeat.moved):
        yield heartbeat
    path.unlink(missing_ok=True)  # not after an error: what watches this process sees that it is gone


def probe_data_folder(*, url: str = "", kills: bool = False) -> tuple[str, ...]:
    """See adapters/queue/probe.py: the data folder is that of the settings."""
    return probe(Settings().data_dir.resolve(), url=url, kills=kills)
