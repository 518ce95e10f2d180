"""Keeps a handful of processes running: starts, restarts, tells of deaths, and stops all of them.

Each process is the leader of a session of its own, so that its children are stopped with it and so that Ctrl-C in
the terminal reaches the supervisor alone, which stops everything in order. Each is tethered: if the supervisor is
killed, they die with it. Knows nothing of what the processes do.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from backend.adapters.queue.child_process import tied_to_parent
from backend.domain.errors import ServiceUnavailable

logger = logging.getLogger(__name__)

ROUND_S = 0.1
FIRST_RESTART_S = 0.2
LONGEST_RESTART_S = 15.0
STEADY_S = 60.0
"""A process that ran this long had a good start: its next restart is quick again."""


def _nothing() -> None:
    return


def _always() -> bool:
    return True


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A process to keep running.

    env: added to our own. log: file for its output, appended; None shares ours.
    prepare: called before every start. is_ready: whether it does its work; asked until it does.
    is_hung: asked now and then while it runs; True kills it, and it is started again.
    tier: started from the lowest up, stopped from the highest down, those of one tier together.
    grace_s: seconds between the request to stop and the kill.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    prepare: Callable[[], None] = _nothing
    is_ready: Callable[[], bool] = _always
    is_hung: Callable[[], bool] = _never
    tier: int = 0
    grace_s: float = 10.0
    ready_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Exit:
    """A process that ended. code as in subprocess: negative for a signal."""

    name: str
    pid: int
    code: int


@dataclass(slots=True)
class _Child:
    spec: ProcessSpec
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    start_at_s: float = 0.0
    failures: int = 0


class Supervisor:
    """Runs processes. Use from one thread, one that lives as long as they should (see tether)."""

    def __init__(
        self, specs: Sequence[ProcessSpec], on_exit: Callable[[Exit], None], *, hang_check_s: float = 5.0
    ) -> None:
        """on_exit: called for every process that ended, before it is started again."""
        names = [spec.name for spec in specs]
        if len(set(names)) < len(names):
            raise ValueError(f"processes need names of their own, got {names}")
        self._children = [_Child(spec) for spec in sorted(specs, key=lambda spec: spec.tier)]
        self._on_exit = on_exit
        self._hang_check_s = hang_check_s
        self._checked_s = time.monotonic()

    @property
    def pids(self) -> dict[str, int]:
        """The running processes, by name."""
        return {child.spec.name: child.process.pid for child in self._children if child.process is not None}

    def start(self, *, should_stop: Callable[[], bool] = _never) -> None:
        """Start all, each tier once the one before is ready.

        Raises ServiceUnavailable, with everything stopped again, if one does not get ready in its time.
        should_stop: asked while waiting; True returns early.
        """
        try:
            for tier in self._tiers():
                for child in tier:
                    self._start(child)
                for child in tier:
                    self._wait_ready(child, should_stop)
        except BaseException:
            self.stop()
            raise

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Watch until told to stop, then stop all."""
        try:
            while not should_stop():
                self.watch()
                time.sleep(ROUND_S)
        finally:
            self.stop()

    def watch(self) -> None:
        """One round: tell of deaths, start again what is due, kill what hangs."""
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._reap(child)
            elif child.process is None and time.monotonic() >= child.start_at_s:
                self._try_start(child)
        if time.monotonic() - self._checked_s >= self._hang_check_s:
            self._checked_s = time.monotonic()
            self._kill_hung()

    def stop(self) -> None:
        """Stop all, the highest tier first; whoever does not end in its time is killed, with its children."""
        for tier in reversed(list(self._tiers())):
            running = [child for child in tier if child.process is not None]
            for child in running:
                _ask_to_end(child)  # it alone: a worker still needs its own children to end in order
            for child in running:
                _wait_ended(child)
                self._reap(child)

    def _tiers(self) -> Iterator[list[_Child]]:
        for number in sorted({child.spec.tier for child in self._children}):
            yield [child for child in self._children if child.spec.tier == number]

    def _start(self, child: _Child) -> None:
        spec = child.spec
        spec.prepare()
        with _output(spec.log) as output:
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

    def _try_start(self, child: _Child) -> None:
        try:
            self._start(child)
        except Exception as error:  # whatever `prepare` stumbled over may be gone next time
            self._put_off(child)
            logger.error("%s cannot be started, trying again: %s", child.spec.name, error)

    def _wait_ready(self, child: _Child, should_stop: Callable[[], bool]) -> None:
        give_up_s = time.monotonic() + child.spec.ready_s
        while not should_stop() and not child.spec.is_ready():
            code = child.process.poll() if child.process is not None else None
            if code is not None:
                raise ServiceUnavailable(f"{child.spec.name} ended with code {code} as it started{_where(child.spec)}")
            if time.monotonic() > give_up_s:
                raise ServiceUnavailable(
                    f"{child.spec.name} was not ready after {child.spec.ready_s:g} s{_where(child.spec)}"
                )
            time.sleep(ROUND_S / 2)

    def _reap(self, child: _Child) -> None:
        """Tell of an ended process, with nothing of its group left, and set the time of its next start."""
        process, child.process = child.process, None
        assert process is not None
        _kill_group(process.pid)
        code = process.wait()
        if time.monotonic() - child.started_s > STEADY_S:
            child.failures = 0
        self._put_off(child)
        logger.warning("%s (pid %d) ended with code %d", child.spec.name, process.pid, code)
        try:
            self._on_exit(Exit(child.spec.name, process.pid, code))
        except Exception:  # the others still need watching; what was to be done is found by its silence later
            logger.exception("what follows the end of %s failed", child.spec.name)

    def _put_off(self, child: _Child) -> None:
        wait_s = min(FIRST_RESTART_S * 2.0 ** min(child.failures, 10), LONGEST_RESTART_S)
        child.failures += 1
        child.start_at_s = time.monotonic() + wait_s

    def _kill_hung(self) -> None:
        for child in self._children:
            if child.process is not None and child.process.poll() is None and child.spec.is_hung():
                logger.error("%s (pid %d) hangs and is killed", child.spec.name, child.process.pid)
                _kill_group(child.process.pid)


def _kill_group(pid: int) -> None:
    """Kill whatever is left of a process's group; the group's number stays taken while anybody is in it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _ask_to_end(child: _Child) -> None:
    assert child.process is not None
    child.process.terminate()


def _wait_ended(child: _Child) -> None:
    assert child.process is not None
    try:
        child.process.wait(child.spec.grace_s)
    except subprocess.TimeoutExpired:
        logger.warning("%s does not stop and is killed", child.spec.name)
        _kill_group(child.process.pid)


@contextmanager
def _output(log: Path | None) -> Iterator[IO[bytes] | None]:
    if log is None:
        yield None
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        yield file


def _where(spec: ProcessSpec) -> str:
    return "" if spec.log is None else f"; see {spec.log}"
