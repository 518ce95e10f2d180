"""What a supervised process is, and the log to which it writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

LONGEST_LINE = 400
"""Characters of a log's line that an error repeats."""


def nothing() -> None:
    """The default of `prepare`."""


def always() -> bool:
    """The default of `is_ready`."""
    return True


def never() -> bool:
    """The default of `is_hung`."""
    return False


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A process to keep running.

    env: added to the supervisor's environment. log: file to which output is appended; None: the supervisor's output.
    prepare: called before every start. is_ready: called until it returns True.
    is_hung: called every hang_check_s while the process runs; True kills and restarts it.
    is_wanted: None: always. Else the process is started by `watch` while it says so, and not restarted otherwise.
    imports: modules that take long to import. Processes that name some are forked from one that has imported them
    (fork_server.py); argv must be ``python -m MODULE ...``.
    tier: tiers start from the lowest up and stop from the highest down; the processes of one tier together.
    grace_s: seconds between the request to stop and the kill. ready_s: the longest wait for is_ready, in seconds.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    prepare: Callable[[], None] = nothing
    is_ready: Callable[[], bool] = always
    is_hung: Callable[[], bool] = never
    is_wanted: Callable[[], bool] | None = None
    imports: tuple[str, ...] = ()
    tier: int = 0
    grace_s: float = 10.0
    ready_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Exit:
    """An ended process. code: as in subprocess, negative for a signal."""

    name: str
    pid: int
    code: int


class Process(Protocol):
    """A started process, with the methods and errors of `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """The process id."""

    def poll(self) -> int | None:
        """The exit code, None while the process runs."""

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises subprocess.TimeoutExpired."""

    def terminate(self) -> None:
        """Sends SIGTERM."""


@contextmanager
def output_of(log: Path | None) -> Iterator[IO[bytes] | None]:
    """The log, open for appending; its folder is made."""
    if log is None:
        yield None
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        yield file


def last_words(spec: ProcessSpec) -> str:
    """The last line of the process's log, which says why it ended, and the log's path."""
    lines = spec.log.read_text(errors="replace").split("\n") if spec.log is not None and spec.log.exists() else []
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {last[:LONGEST_LINE]} (log: {spec.log})" if last else log_hint(spec)


def log_hint(spec: ProcessSpec) -> str:
    """Where to read more, for the end of an error."""
    return "" if spec.log is None else f"; see {spec.log}"
