"""Supervises processes: starts, restarts and stops them, and reports their exits.

Each process leads an operating system session of its own: its children stop with it, and Ctrl-C in the terminal reaches
the supervisor only, which stops all processes in order. Each process ends with the supervisor (child_process.py). Does
not own what the processes do.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from backend.adapters.queue.child_process import tied_to_parent
from backend.adapters.queue.fork_server import ForkServer, is_supported
from backend.adapters.queue.process_spec import Exit, Process, ProcessSpec, last_words, log_hint, never, output_of
from backend.domain.errors import ServiceUnavailable

logger = logging.getLogger(__name__)

ROUND_S = 0.1
HANG_CHECK_S = 5.0
FIRST_RESTART_S = 0.2
LONGEST_RESTART_S = 15.0

LATE_CHECK_S = 10.0
"""A check for hangs that is this late, in seconds, kills no process: the supervisor itself did not run."""

WANTED_CHECK_S = 1.0
"""Seconds between two questions whether a process is wanted."""

STEADY_S = 60.0
"""A process that ran for this time in seconds restarts without a long pause."""


@dataclass(slots=True)
class _Child:
    spec: ProcessSpec
    process: Process | None = None
    started_s: float = 0.0
    start_at_s: float = 0.0
    failures: int = 0


class Supervisor:
    """Runs processes. For one thread, which must outlive them (see child_process.py)."""

    def __init__(
        self, specs: Sequence[ProcessSpec], on_exit: Callable[[Exit], None], *, hang_check_s: float = HANG_CHECK_S
    ) -> None:
        """on_exit: called for every ended process, before its restart."""
        names = [spec.name for spec in specs]
        if len(set(names)) < len(names):
            raise ValueError(f"process names must be unique, got {names}")
        self._children = [_Child(spec) for spec in sorted(specs, key=lambda spec: spec.tier)]
        imports = list(dict.fromkeys(name for spec in specs for name in spec.imports))
        self._fork_server = ForkServer(imports) if imports and is_supported() else None
        self._on_exit = on_exit
        self._hang_check_s = hang_check_s
        self._checked_s = time.monotonic()

    @property
    def pids(self) -> dict[str, int]:
        """The running processes, by name."""
        return {child.spec.name: child.process.pid for child in self._children if child.process is not None}

    def start(self, *, should_stop: Callable[[], bool] = never) -> None:
        """Starts all processes, each tier when the previous one is ready.

        Raises ServiceUnavailable, with all processes stopped, if one is not ready within ready_s.
        should_stop: called while waiting; True returns early.
        """
        try:
            for tier in self._tiers():
                started = [child for child in tier if child.spec.is_wanted is None]
                for child in started:
                    self._start(child)
                for child in started:
                    self._wait_ready(child, should_stop)
        except BaseException:
            self.stop()
            raise

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Supervises until should_stop, then stops all processes."""
        try:
            while not should_stop():
                self.watch()
                time.sleep(ROUND_S)
        finally:
            self.stop()

    def watch(self) -> None:
        """One round: reports exits, restarts processes that are due, kills hung ones."""
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._reap(child)
            elif child.process is None and time.monotonic() >= child.start_at_s:
                self._start_if_wanted(child)
        if time.monotonic() - self._checked_s >= self._hang_check_s:
            was_here = time.monotonic() - self._checked_s < self._hang_check_s + LATE_CHECK_S
            self._checked_s = time.monotonic()
            if was_here:  # else the whole machine stood still, and its processes need time for a step
                self._kill_hung()

    def stop(self) -> None:
        """Stops all, the highest tier first; kills a process, with its children, that does not end within grace_s."""
        for tier in reversed(list(self._tiers())):
            running = [child for child in tier if child.process is not None]
            for child in running:
                _request_stop(child)  # the process only: a worker needs its own children until it ends
            for child in running:
                _wait_ended(child)
                self._reap(child)
        if self._fork_server is not None:
            self._fork_server.stop()

    def _tiers(self) -> Iterator[list[_Child]]:
        for number in sorted({child.spec.tier for child in self._children}):
            yield [child for child in self._children if child.spec.tier == number]

    def _start(self, child: _Child) -> None:
        spec = child.spec
        spec.prepare()
        with output_of(spec.log) as output:
            if spec.imports and self._fork_server is not None:
                child.process = self._fork_server.start(spec.argv, env=spec.env, output=output)
            else:
                child.process = subprocess.Popen(
                    tied_to_parent(spec.argv),
                    env={**os.environ, **spec.env},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT if output is not None else None,
                    start_new_session=True,
                )
        child.started_s = time.monotonic()
        logger.info("%s started with pid %d", spec.name, child.process.pid)

    def _start_if_wanted(self, child: _Child) -> None:
        if child.spec.is_wanted is None or child.spec.is_wanted():
            self._try_start(child)
        else:
            child.failures = 0
            child.start_at_s = time.monotonic() + WANTED_CHECK_S

    def _try_start(self, child: _Child) -> None:
        try:
            self._start(child)
        except Exception as error:  # `prepare` may succeed next time
            self._schedule_restart(child)
            logger.error("%s cannot be started, trying again: %s", child.spec.name, error)

    def _wait_ready(self, child: _Child, should_stop: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + child.spec.ready_s
        while not should_stop() and not child.spec.is_ready():
            code = child.process.poll() if child.process is not None else None
            if code is not None:
                raise ServiceUnavailable(
                    f"{child.spec.name} ended with code {code} as it started{last_words(child.spec)}"
                )
            if time.monotonic() > deadline_s:
                raise ServiceUnavailable(
                    f"{child.spec.name} was not ready after {child.spec.ready_s:g} s{log_hint(child.spec)}"
                )
            time.sleep(ROUND_S / 2)

    def _reap(self, child: _Child) -> None:
        """Reports an ended process, kills the rest of its group, and schedules its restart."""
        process, child.process = child.process, None
        assert process is not None
        _kill_group(process.pid)
        code = process.wait()
        if time.monotonic() - child.started_s > STEADY_S:
            child.failures = 0
        self._schedule_restart(child)
        logger.warning("%s (pid %d) ended with code %d", child.spec.name, process.pid, code)
        try:
            self._on_exit(Exit(child.spec.name, process.pid, code))
        except Exception:  # the other processes need supervision; the reconciler finds lost jobs by their heartbeat
            logger.exception("the exit callback of %s failed", child.spec.name)

    def _schedule_restart(self, child: _Child) -> None:
        wait_s = min(FIRST_RESTART_S * 2.0 ** min(child.failures, 10), LONGEST_RESTART_S)
        child.failures += 1
        child.start_at_s = time.monotonic() + wait_s

    def _kill_hung(self) -> None:
        for child in self._children:
            if child.process is not None and child.process.poll() is None and child.spec.is_hung():
                logger.error("%s (pid %d) hangs and is killed", child.spec.name, child.process.pid)
                _kill_group(child.process.pid)


def _kill_group(pid: int) -> None:
    """Kills the rest of a process's group; the group's number is not reused while it has members."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _request_stop(child: _Child) -> None:
    assert child.process is not None
    child.process.terminate()


def _wait_ended(child: _Child) -> None:
    assert child.process is not None
    try:
        child.process.wait(child.spec.grace_s)
    except subprocess.TimeoutExpired:
        logger.warning("%s does not stop and is killed", child.spec.name)
        _kill_group(child.process.pid)
