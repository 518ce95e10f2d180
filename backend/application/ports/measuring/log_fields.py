"""What a line of the log is about: the job, task and attempt of this thread, and the worker of this process.

For log lines that machines read. A thread that works for a job without being given its fields logs without them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_of_thread: ContextVar[Mapping[str, object] | None] = ContextVar("log_fields", default=None)
_of_process: dict[str, object] = {}


@contextmanager
def logged_with(**fields: object) -> Iterator[None]:
    """Inside, the log lines of this thread have these fields, besides those from outside."""
    token = _of_thread.set({**(_of_thread.get() or {}), **fields})
    try:
        yield
    finally:
        _of_thread.reset(token)


def log_everywhere(**fields: object) -> None:
    """Gives all log lines of this process these fields from now on."""
    _of_process.update(fields)


def log_fields() -> dict[str, object]:
    """The fields of a line that this thread logs now."""
    return {**_of_process, **(_of_thread.get() or {})}
