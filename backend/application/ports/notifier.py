"""A bell for each job: whoever waits for a job is woken when it ends, instead of looking again and again.

The bell only shortens a wait. A ring may be lost, so who waits still looks at the ledger now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

AWAITED = "awaited"
"""The bell that rings when a person begins to wait for a propagation."""

Wait = Callable[[float], None]
"""Waits this many seconds, or less."""


class Notifier(Protocol):
    def notify(self, job_id: str) -> None:
        """Wake whoever listens for this job now. Never raises."""
        ...

    def subscribed(self, job_id: str, otherwise: Wait) -> AbstractContextManager[Wait]:
        """A wait that ends early when the job's bell rings, from now on. otherwise: how to wait if there is no bell."""
        ...


class NoNotifier:
    """A Bell that nobody hears: waits last as long as they were meant to."""

    def notify(self, job_id: str) -> None:
        return

    @contextmanager
    def subscribed(self, job_id: str, otherwise: Wait) -> Iterator[Wait]:
        yield otherwise
