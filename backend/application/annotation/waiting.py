"""The wait of a request for the end of its job."""

from __future__ import annotations

from backend.application.jobs.queries import raise_if_postponed
from backend.application.ports.clock import Clock
from backend.application.ports.ledger import Ledger
from backend.application.ports.notifier import Notifier
from backend.domain.errors import error_of
from backend.domain.jobs import Job, JobState

FIRST_POLL_S = 0.1
LONGEST_POLL_S = 0.25
"""Polls find what no notification told. With shorter ones, 40 people who click cost the web process a third more."""


def wait_for_end(ledger: Ledger, notifier: Notifier, clock: Clock, job_id: str, *, deadline_s: float) -> Job:
    """The job when it is done, or as it is at the deadline. Raises the recorded error if it ended otherwise.

    Raises the cause of a postponed job whose next attempt is later than the deadline.
    """
    give_up_s = clock.monotonic_s() + deadline_s
    pause_s = FIRST_POLL_S
    if (job := ledger.job(job_id)).state is JobState.DONE:
        return job
    with notifier.subscribed(job_id, clock.sleep) as wait:
        while True:
            job = ledger.job(job_id)
            if job.state is JobState.DONE:
                return job
            if job.state.is_final:
                raise error_of(job.reason or f"Cancelled: the job is {job.state}")
            left_s = give_up_s - clock.monotonic_s()
            if left_s <= 0:
                return job
            raise_if_postponed(ledger, job, clock.now_s() + left_s)
            wait(min(pause_s, left_s))
            pause_s = min(pause_s * 1.5, LONGEST_POLL_S)
