"""Submission of jobs: into the ledger first, then into the queue.

The queue may refuse or lose a job; the ledger does not. The reconciler offers such a job again, so a submission does
not fail without a queue.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backend.application.ports.ledger import Ledger
from backend.application.ports.queue import JobQueue
from backend.domain.errors import QueueUnavailable
from backend.domain.jobs import Job, JobKind, JobState, PreviewRequest, PropagationRequest
from backend.domain.prompts import PromptSet
from backend.domain.tasks import TaskKey

logger = logging.getLogger(__name__)

INTERACTIVE_TIMEOUT_S = 120.0
"""A click computes one frame per prompted frame of its objects; two minutes is far more than that needs."""

PROPAGATE_TIMEOUT_S = 7200.0
"""A fixed limit: the web process does not know a video's length. Heartbeats reveal a dead worker long before."""


GIVE_UP_S = 0.5
"""A click is dropped this long after its waiter gave up, so that the waiter does not see it dropped."""


@dataclass(frozen=True, slots=True)
class Submitter:
    """Records requests in the ledger and puts their ids into the queue."""

    ledger: Ledger
    queue: JobQueue

    def submit(self, request: PreviewRequest | PropagationRequest, *, wait_s: float = 0.0) -> Job:
        """Records a request once and dispatches it; an equal request returns the same job.

        wait_s: how long the waiter of a click waits, in seconds; without a waiter a click is dropped.
        """
        kind = JobKind.INTERACTIVE if isinstance(request, PreviewRequest) else JobKind.PROPAGATE
        job, is_new = self.ledger.submit(kind, request, wait_s=_until_given_up(wait_s))
        if is_new:
            logger.info("job %s accepted for task %s", job.job_id, job.task)
            self.dispatch(job)
        return job

    def accept(
        self,
        task: TaskKey,
        prompts: PromptSet,
        ask: Callable[[PromptSet], Sequence[PreviewRequest | PropagationRequest]],
        *,
        user: str = "",
        wait_s: float = 0.0,
    ) -> tuple[Job, ...]:
        """Records prompts and their requests together, and dispatches the jobs in order. wait_s: as in `submit`."""
        submitted = self.ledger.accept(task, prompts, ask, user=user, wait_s=_until_given_up(wait_s))
        for job, is_new in submitted:
            if is_new:
                logger.info("job %s accepted for task %s", job.job_id, job.task)
                self.dispatch(job)
        return tuple(job for job, _ in submitted)

    def run_again(self, job: Job) -> Job:
        """Opens a done job that lacks masks again and dispatches it; the job as it is if another process opened it."""
        again = self.ledger.reopen(job.job_id, job.attempt)
        if again.state is JobState.QUEUED:
            logger.info("job %s lacks masks; the job runs again", job.job_id)
            self.dispatch(again)
        return again

    def requeue(self, job: Job, *, reason: str, max_attempts: int, forgiven: bool = False) -> Job:
        """Queues a job's next attempt and dispatches it, or fails the job: see Ledger.requeue."""
        had_begun = self.ledger.job(job.job_id).done > 0
        renewed = self.ledger.requeue(
            job.job_id, job.attempt, reason=reason, max_attempts=max_attempts, forgiven=forgiven
        )
        if renewed.state is JobState.QUEUED:
            self.dispatch(renewed, had_begun=had_begun)
        return renewed

    def dispatch(self, job: Job, *, had_begun: bool = False) -> None:
        """Offers a recorded job to the queue. Does not raise if the queue is unreachable.

        had_begun: an attempt that ended had made masks; the next one goes before jobs that have not begun, so that a
        video in progress does not wait for a whole batch.
        """
        timeout_s = INTERACTIVE_TIMEOUT_S if job.kind is JobKind.INTERACTIVE else PROPAGATE_TIMEOUT_S
        try:
            self.queue.enqueue(job, timeout_s=timeout_s, goes_first=had_begun)
        except QueueUnavailable as error:
            logger.warning("job %s waits in the ledger: %s", job.job_id, error)


def _until_given_up(wait_s: float) -> float:
    return wait_s + GIVE_UP_S if wait_s > 0 else 0.0
