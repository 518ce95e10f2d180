"""The heartbeat of a process: its last step of work, in a file that its supervisor reads.

The heartbeat moves with the work, and not with a clock of its own: a process that is stopped, deadlocked, or held in a
call of a library makes no step. The bound is the longest time that one step may take. The file has a fixed size and is
mapped into memory: a step is one write to memory, and a full disk does not stop it.

Times are those of the machine's monotonic clock, which all its processes share. Does not own what follows a missed
bound: see supervisor.py and probe.py.
"""

from __future__ import annotations

import logging
import mmap
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backend.codecs.proc_stat import started_ticks

logger = logging.getLogger(__name__)

_RECORD = struct.Struct("<qqdd")  # pid, the process's start in clock ticks, seconds of the last step, bound in seconds

SLOWEST_STEPS = 3.0
"""The bound is at least this many times the slowest step so far: a slow machine is not a hang."""

LONGEST_BOUND_S = 1800.0


def heartbeat_folder(data_dir: Path) -> Path:
    """The folder with the heartbeats of this host's processes, one file each."""
    return data_dir / "heartbeats" / socket.gethostname()


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A process's last step. started_ticks tells it from a later process with the same pid; 0: unknown."""

    pid: int
    started_ticks: int
    moved_s: float
    bound_s: float

    def overdue_s(self, now_s: float) -> float:
        """Seconds since the bound was missed; negative within the bound. now_s: monotonic."""
        return now_s - self.moved_s - self.bound_s

    @property
    def is_alive(self) -> bool:
        """Whether the process that wrote this still exists."""
        return self.started_ticks == started_ticks(self.pid) if self.started_ticks else _exists(self.pid)


class ProcessHeartbeat:
    """This process's heartbeat. Safe to share between threads."""

    def __init__(self, path: Path, *, bound_s: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """path: the file; made if it is missing. If the disk refuses it, the heartbeat stays within the process."""
        self._monotonic_s = monotonic_s
        self._wanted_s = bound_s
        self._slowest_s = 0.0
        self._moved_s = monotonic_s()
        self._pid, self._started = os.getpid(), started_ticks(os.getpid())
        self._lock = threading.Lock()
        self._file = _mapped(path)
        self._write()

    def moved(self) -> None:
        """The process made a step."""
        with self._lock:
            now_s = self._monotonic_s()
            self._slowest_s = max(self._slowest_s, now_s - self._moved_s)
            self._moved_s = now_s
            self._write()

    def allow(self, bound_s: float) -> None:
        """Sets the bound for what follows. Counts as a step; the slowest step is forgotten."""
        with self._lock:
            self._wanted_s, self._slowest_s, self._moved_s = bound_s, 0.0, self._monotonic_s()
            self._write()

    @property
    def bound_s(self) -> float:
        """The longest time of one step, in seconds."""
        learned_s = min(SLOWEST_STEPS * self._slowest_s, LONGEST_BOUND_S)
        return max(self._wanted_s, learned_s)

    @property
    def left_s(self) -> float:
        """Seconds until the bound is missed; negative after it."""
        return self._moved_s + self.bound_s - self._monotonic_s()

    def _write(self) -> None:
        if self._file is not None:
            _RECORD.pack_into(self._file, 0, self._pid, self._started, self._moved_s, self.bound_s)


class AnswerWatch:
    """Tells from its answers whether a process that writes no heartbeat hangs. For one thread."""

    def __init__(
        self, answers: Callable[[], bool], *, bound_s: float, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        """answers: asks the process. bound_s: the longest time without an answer, in seconds."""
        self._answers = answers
        self._bound_s = bound_s
        self._monotonic_s = monotonic_s
        self._answered_s = monotonic_s()

    def reset(self) -> None:
        """The process starts anew."""
        self._answered_s = self._monotonic_s()

    def is_overdue(self) -> bool:
        """Asks the process; whether its last answer is longer ago than the bound."""
        if self._answers():
            self._answered_s = self._monotonic_s()
        return self._monotonic_s() - self._answered_s > self._bound_s


def announce_start(path: Path, *, bound_s: float) -> None:
    """Writes the heartbeat of a process that is about to start: it must make its first step within the bound.

    A disk that refuses the file leaves the process unwatched until it makes its own.
    """
    try:
        _write_record(path, _RECORD.pack(0, 0, time.monotonic(), bound_s))
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        logger.warning("the heartbeat %s cannot be written: %s", path.name, error.strerror)


def read_heartbeat(path: Path) -> Heartbeat | None:
    """The heartbeat in a file; None without a readable one."""
    try:
        body = path.read_bytes()
    except OSError:
        return None
    return Heartbeat(*_RECORD.unpack(body)) if len(body) == _RECORD.size else None


def is_overdue(path: Path) -> bool:
    """Whether the process of this file has made no step within its bound."""
    heartbeat = read_heartbeat(path)
    return heartbeat is not None and heartbeat.overdue_s(time.monotonic()) > 0


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0


def _mapped(path: Path) -> mmap.mmap | None:
    try:
        if not path.is_file() or path.stat().st_size != _RECORD.size:
            _write_record(path, bytes(_RECORD.size))
        with path.open("r+b") as file:
            return mmap.mmap(file.fileno(), _RECORD.size)
    except OSError as error:
        logger.warning("the heartbeat %s cannot be written: %s", path.name, error.strerror)
        return None


def _write_record(path: Path, body: bytes) -> None:
    """In place: a process that has mapped the file must see what follows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r+b" if path.is_file() else "wb") as file:
        file.write(body)
        file.truncate()
