"""Notifications: a waiter of a job is woken when the job ends.

A notification only shortens a wait. It may be lost, so a waiter also polls the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

WAITER_ADDED = "awaited"
"""The notification that a propagation has a new waiter; used in place of a job id."""

Wait = Callable[[float], None]
"""Waits for this number of seconds, or less."""


class Notifier(Protocol):
    def notify(self, job_id: str) -> None:
        """Wakes the current subscribers of this job. Never raises."""
        ...

    def subscribed(self, job_id: str, otherwise: Wait) -> AbstractContextManager[Wait]:
        """A wait that ends early when the job is notified, from now on. otherwise: the wait without notifications."""
        ...


class NoNotifier:
    """A Notifier without notifications: every wait lasts its full time."""

    def notify(self, job_id: str) -> None:
        return

    @contextmanager
    def subscribed(self, job_id: str, otherwise: Wait) -> Iterator[Wait]:
        yield otherwise
