"""Accepting work: into the ledger first, then into the queue.

The queue may refuse or forget; the ledger does not. What the queue did not take is offered again by the
reconciler, so a caller never learns of a queue that is away.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backend.application.ports.ledger import Ledger
from backend.application.ports.queue import JobQueue
from backend.domain.errors import QueueUnavailable
from backend.domain.jobs import Job, JobKind, PreviewRequest, PropagationRequest
from backend.domain.prompts import PromptSet
from backend.domain.tasks import TaskKey

logger = logging.getLogger(__name__)

INTERACTIVE_TIMEOUT_S = 120.0
"""A click is one frame's work on each of its object's prompted frames; two minutes is an hour of GPU patience."""

PROPAGATE_TIMEOUT_S = 7200.0
"""The web process does not know a video's length, so this is the cap; silence is noticed by heartbeats long before."""


@dataclass(frozen=True, slots=True)
class Submitter:
    """Puts requests into the ledger and their ids into the queue."""

    ledger: Ledger
    queue: JobQueue

    def submit(self, request: PreviewRequest | PropagationRequest) -> Job:
        """Record a request once and dispatch it; the same question again returns the same job."""
        kind = JobKind.INTERACTIVE if isinstance(request, PreviewRequest) else JobKind.PROPAGATE
        job, is_new = self.ledger.submit(kind, request)
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
    ) -> tuple[Job, ...]:
        """Record prompts together with what they ask for, and dispatch it in that order."""
        submitted = self.ledger.accept(task, prompts, ask, user=user)
        for job, is_new in submitted:
            if is_new:
                logger.info("job %s accepted for task %s", job.job_id, job.task)
                self.dispatch(job)
        return tuple(job for job, _ in submitted)

    def dispatch(self, job: Job) -> None:
        """Offer a recorded job to the queue; a queue that is away is tolerated."""
        timeout_s = INTERACTIVE_TIMEOUT_S if job.kind is JobKind.INTERACTIVE else PROPAGATE_TIMEOUT_S
        try:
            self.queue.enqueue(job, timeout_s=timeout_s)
        except QueueUnavailable as error:
            logger.warning("job %s waits in the ledger: %s", job.job_id, error)
