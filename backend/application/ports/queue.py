"""The queue, as a producer of jobs sees it."""

from __future__ import annotations

from typing import Protocol

from backend.domain.jobs import Job, JobKind


class JobQueue(Protocol):
    """Carries ledger ids to workers; may lose everything without harm, for the ledger knows."""

    def enqueue(self, job: Job, *, timeout_s: float) -> None:
        """Idempotent for (job id, attempt). Raises QueueUnavailable."""
        ...

    def is_known(self, job: Job) -> bool:
        """Whether this attempt is waiting, or being worked on, in the queue. Raises QueueUnavailable."""
        ...

    def depths(self) -> dict[JobKind, int]: ...

    def workers(self) -> dict[JobKind, int]:
        """Live workers seen per queue."""
        ...
