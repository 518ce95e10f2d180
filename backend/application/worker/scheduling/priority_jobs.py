"""Priority jobs: propagations with a waiter, run by a worker beside its own job.

The queue would hold them back until the worker's job is done. They are found and claimed in the ledger, like any other
attempt; their queue entries become stale. Each runs in a thread of its own and takes turns at the engine
(`engine_turns`). A priority job that loses its waiter goes back to the queue.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from backend.application.ports.ledger import Ledger
from backend.domain.errors import MaskletError
from backend.domain.jobs import Job, JobState, WaitedJob

logger = logging.getLogger(__name__)

MAX_PRIORITY_JOBS = 8
"""The most at the same time. Each holds frames in memory, and its objects' memory banks on the device."""


class AttemptRunner(Protocol):
    """The part of the job runner that PriorityJobs uses."""

    @property
    def ledger(self) -> Ledger: ...

    def run(
        self,
        job_id: str,
        attempt: int,
        is_stopping: Callable[[], bool],
        *,
        is_full: Callable[[], bool] | None = None,
    ) -> Job: ...


@dataclass(slots=True)
class PriorityJobs:
    """Starts priority jobs; `poll` is called from one thread. ended: called with the id of a job after its attempt."""

    runner: AttemptRunner
    is_stopping: Callable[[], bool]
    ended: Callable[[str], None] = lambda _: None
    is_full: bool = False
    """Whether a job found no place at the last poll; then a job that loses its waiter ends at once."""

    _threads: dict[tuple[str, int], threading.Thread] = field(default_factory=dict)

    def poll(self) -> int:
        """Starts the queued jobs with a waiter; returns the number of running ones. Never raises."""
        self._threads = {key: thread for key, thread in self._threads.items() if thread.is_alive()}
        try:
            waited = [one for one in self.runner.ledger.pending_waits().jobs if one.state is JobState.QUEUED]
        except MaskletError as error:
            logger.warning("waiters cannot be read: %s", error)
            return len(self._threads)
        new = [one for one in waited if (one.job_id, one.attempt) not in self._threads]
        free = max(MAX_PRIORITY_JOBS - len(self._threads), 0)
        self.is_full = len(new) > free
        for one in new[:free]:
            self._start(one)
        return len(self._threads)

    def join(self, timeout_s: float) -> None:
        """Waits for the running jobs, each at most this long. In a stopping worker they end at their next frame."""
        for thread in self._threads.values():
            thread.join(timeout_s)

    def _start(self, one: WaitedJob) -> None:
        logger.info("job %s has a waiter and runs beside the worker's job", one.job_id)
        thread = threading.Thread(target=self._run, args=(one,), name=f"priority-{one.job_id[:10]}", daemon=True)
        self._threads[one.job_id, one.attempt] = thread
        thread.start()

    def _run(self, one: WaitedJob) -> None:
        try:
            self.runner.run(one.job_id, one.attempt, self.is_stopping, is_full=lambda: self.is_full)
        except Exception:  # for example an unreachable ledger; the heartbeat expires, and the job is offered again
            logger.exception("job %s attempt %d ended without a record", one.job_id, one.attempt)
        self.ended(one.job_id)
