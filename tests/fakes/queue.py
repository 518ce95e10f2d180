"""A job queue in memory that can be down or lose its entries."""

from __future__ import annotations

from collections.abc import Sequence

from backend.domain.errors import QueueUnavailable
from backend.domain.jobs import Job, JobKind


class FakeQueue:
    """A JobQueue whose waiting entries a test takes with `take`.

    down: every call raises QueueUnavailable. worker_counts, silent_counts: the results of `workers` and
    `workers_and_silent`.
    """

    def __init__(self) -> None:
        self.down = False
        self.worker_counts: dict[JobKind, int] = dict.fromkeys(JobKind, 0)
        self.silent_counts: dict[JobKind, int] = dict.fromkeys(JobKind, 0)
        self.timeouts_s: dict[tuple[str, int], float] = {}
        self._waiting: dict[JobKind, list[tuple[str, int]]] = {kind: [] for kind in JobKind}
        self._running: set[tuple[str, int]] = set()

    def enqueue(self, job: Job, *, timeout_s: float, goes_first: bool = False) -> None:
        self._require_up()
        entry = (job.job_id, job.attempt)
        if entry in self._running or entry in self._waiting[job.kind]:
            return
        self._waiting[job.kind].insert(0 if goes_first else len(self._waiting[job.kind]), entry)
        self.timeouts_s[entry] = timeout_s

    def is_known(self, job: Job) -> bool:
        self._require_up()
        entry = (job.job_id, job.attempt)
        return entry in self._running or entry in self._waiting[job.kind]

    def unknown(self, jobs: Sequence[Job]) -> tuple[Job, ...]:
        return tuple(job for job in jobs if not self.is_known(job))

    def depths(self) -> dict[JobKind, int]:
        self._require_up()
        return {kind: len(entries) for kind, entries in self._waiting.items()}

    def workers(self) -> dict[JobKind, int]:
        self._require_up()
        return dict(self.worker_counts)

    def workers_and_silent(self) -> dict[JobKind, tuple[int, int]]:
        self._require_up()
        return {kind: (self.worker_counts[kind], self.silent_counts[kind]) for kind in JobKind}

    def take(self, kind: JobKind) -> tuple[str, int] | None:
        """The next entry of a worker of this kind: (job id, attempt)."""
        if not self._waiting[kind]:
            return None
        entry = self._waiting[kind].pop(0)
        self._running.add(entry)
        return entry

    def release(self, job_id: str, attempt: int) -> None:
        """End a taken entry: its worker finished or died."""
        self._running.discard((job_id, attempt))

    def flush(self) -> None:
        """Remove all entries, as FLUSHALL does."""
        self._running.clear()
        for entries in self._waiting.values():
            entries.clear()

    def _require_up(self) -> None:
        if self.down:
            raise QueueUnavailable("the queue does not answer; start Redis or Valkey and try again")
