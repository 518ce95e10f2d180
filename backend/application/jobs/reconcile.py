"""Reconciliation after crashes: requeues jobs of dead workers, offers lost jobs to the queue again, pushes what is due.

Also runs retention. Safe in any number of processes at once: every step is a compare-and-set in the ledger or
idempotent in the queue.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from backend.application.jobs.push_predictions import Pusher
from backend.application.jobs.queries import running_jobs
from backend.application.jobs.retention import Housekeeper
from backend.application.jobs.submit import Submitter
from backend.application.ports.clock import Clock
from backend.application.ports.ledger import Ledger
from backend.application.ports.queue import JobQueue
from backend.domain.errors import QueueUnavailable
from backend.domain.jobs import Job

logger = logging.getLogger(__name__)

NEVER = float("-inf")

QUEUED_GRACE_S = 2.0
"""A job younger than this may not be in the queue yet."""


FULL_CHECK_S = 30.0
"""The most between two looks for every queued job in the queue: entries of ended jobs can hide that one was lost."""


@dataclass(slots=True)
class Reconciler:
    ledger: Ledger
    queue: JobQueue
    submitter: Submitter
    clock: Clock
    pusher: Pusher | None
    heartbeat_ttl_s: float
    max_attempts: int
    housekeeper: Housekeeper | None = None
    """Deletes old jobs and masks; None: no retention."""

    next_full_check_s: float = float("-inf")

    def sweep(self) -> None:
        """One round of all three. Does not raise if the queue or Label Studio is unreachable."""
        self.reconcile()
        self.push()
        self.retain()

    def reconcile(self) -> None:
        """Offers the jobs of dead workers and those that the queue lost. Calls no Label Studio."""
        now_s = self.clock.now_s()
        for job in self.ledger.stale_jobs(heartbeat_before_s=now_s - self.heartbeat_ttl_s, queued_before_s=None):
            self._requeue(job, "ServiceUnavailable: the worker fell silent")
        self._offer_lost_jobs()

    def push(self) -> None:
        """Pushes the predictions that are due. May be called by several threads: each push is claimed by one."""
        if self.pusher is not None:
            self.pusher.sweep()

    def retain(self) -> None:
        """Deletes old jobs and masks, if it is time for that."""
        if self.housekeeper is not None:
            self.housekeeper.sweep()

    def worker_died(self, worker: str) -> None:
        """Requeues the running jobs of a dead worker at once."""
        for job in running_jobs(self.ledger, worker):
            self._requeue(job, f"ServiceUnavailable: the worker {worker} died")

    def _offer_lost_jobs(self) -> None:
        """Offers the queued jobs that the queue does not have. The jobs are read only if some may be lost."""
        try:
            if not self._may_have_lost_jobs():
                return
            now_s = self.clock.now_s()
            queued = self.ledger.stale_jobs(heartbeat_before_s=NEVER, queued_before_s=now_s - QUEUED_GRACE_S)
            for job in self.queue.unknown(queued):
                logger.info("job %s is not in the queue; offering it again", job.job_id)
                self.submitter.dispatch(job)
        except QueueUnavailable:
            return

    def _may_have_lost_jobs(self) -> bool:
        """Whether the queue has fewer entries than there are queued jobs, or the last full check is long ago."""
        depths = self.queue.depths()
        now_s = self.clock.monotonic_s()
        is_short = any(depths.get(kind, 0) < count for kind, count in self.ledger.queued_counts().items())
        if is_short or now_s >= self.next_full_check_s:
            self.next_full_check_s = now_s + FULL_CHECK_S
            return True
        return False

    def _requeue(self, job: Job, reason: str) -> None:
        renewed = self.submitter.requeue(job, reason=reason, max_attempts=self.max_attempts)
        logger.warning("job %s attempt %d: %s; now %s", job.job_id, job.attempt, reason, renewed.state)
