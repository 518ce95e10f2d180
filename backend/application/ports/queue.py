"""The job queue, for producers of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from backend.domain.jobs import Job, JobKind


class JobQueue(Protocol):
    """Delivers ledger ids to workers. May lose everything without harm: the ledger has the jobs."""

    def enqueue(self, job: Job, *, timeout_s: float, goes_first: bool = False) -> None:
        """Idempotent for (job id, attempt). goes_first: before those that wait. Raises QueueUnavailable."""
        ...

    def is_known(self, job: Job) -> bool:
        """Whether the queue has this attempt, waiting or running. Raises QueueUnavailable."""
        ...

    def unknown(self, jobs: Sequence[Job]) -> tuple[Job, ...]:
        """The jobs among these that `is_known` denies. Few calls, however many jobs. Raises QueueUnavailable."""
        ...

    def depths(self) -> dict[JobKind, int]: ...

    def workers(self) -> dict[JobKind, int]:
        """Count of workers per queue that make progress. Raises QueueUnavailable."""
        ...

    def workers_and_silent(self) -> dict[JobKind, tuple[int, int]]:
        """`workers`, and the count of listed workers per queue that do not make progress. Raises QueueUnavailable."""
        ...
