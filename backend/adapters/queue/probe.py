"""The liveness probe: whether Masklet's processes on this host make progress.

Run every few seconds on a loaded machine: it imports little.
"""

from __future__ import annotations

import os
import signal
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from backend.adapters.queue.heartbeat_file import Heartbeat, heartbeat_folder, read_heartbeat
from backend.domain.errors import ServiceUnavailable

ANSWER_S = 5.0


def probe(data_dir: Path, *, url: str = "", kills: bool = False) -> tuple[str, ...]:
    """The names of the live processes of this host and data folder, all of which make progress.

    url: an address that must answer, too. kills: whether a hung process is killed, for what runs it to start it again.
    Raises ServiceUnavailable if no process is alive, if one makes no step of work, or if the address does not answer.
    """
    alive = {path: heartbeat for path, heartbeat in _heartbeats(heartbeat_folder(data_dir)) if heartbeat.is_alive}
    if not alive:
        raise ServiceUnavailable(f"no process of Masklet runs on this host in {data_dir}")
    hung = {path.name: heartbeat for path, heartbeat in alive.items() if heartbeat.overdue_s(time.monotonic()) > 0}
    if hung and kills:
        for heartbeat in hung.values():
            with suppress(ProcessLookupError):
                os.kill(heartbeat.pid, signal.SIGKILL)
    if hung:
        raise ServiceUnavailable("; ".join(_sentence(name, heartbeat) for name, heartbeat in sorted(hung.items())))
    if url and not answers(url, timeout_s=ANSWER_S):
        raise ServiceUnavailable(f"{url} does not answer within {ANSWER_S:g} s")
    return tuple(sorted(path.name for path in alive))


def answers(url: str, *, timeout_s: float) -> bool:
    """Whether a web process answers at an address. A request for the password (401) is an answer."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s):
            return True
    except urllib.error.HTTPError as error:
        return error.code == 401
    except OSError:
        return False


def _heartbeats(folder: Path) -> list[tuple[Path, Heartbeat]]:
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return [(path, found) for path in files if (found := read_heartbeat(path)) is not None and found.pid]


def _sentence(name: str, heartbeat: Heartbeat) -> str:
    late_s = heartbeat.overdue_s(time.monotonic()) + heartbeat.bound_s
    return f"{name} (pid {heartbeat.pid}) has made no step of work for {late_s:.0f} s"
