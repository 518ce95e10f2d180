"""Searches among the ledger's jobs: propagations of a task, open jobs, recent clicks.

Every condition is part of the ledger's query. A condition that is applied after a limit finds nothing once enough
other jobs are newer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backend.application.ports.ledger import Ledger
from backend.domain.errors import error_of
from backend.domain.jobs import OPEN_STATES, Job, JobKind, JobState
from backend.domain.retries import FailureKind
from backend.domain.tasks import TaskKey

FINISHED = (JobState.DONE,)
ANY: tuple[JobState, ...] = ()

FIRST_PAGE = 10
PAGE_GROWTH = 4


def newest_propagation(
    ledger: Ledger, task: TaskKey, *, model_version: str | None = None, states: Sequence[JobState] = FINISHED
) -> Job | None:
    """The newest propagation of a task in one of these states; sessions excluded. model_version None: of any model."""
    found = ledger.jobs(task=task, kind=JobKind.PROPAGATE, model_version=model_version, states=states, limit=1)
    return found[0] if found else None


def newest_propagations(
    ledger: Ledger, *, project_id: int | None = None, states: Sequence[JobState] = FINISHED
) -> tuple[Job, ...]:
    """The newest propagation of each task in one of these states, by project and task. project_id None: of all."""
    return ledger.newest_propagations(project_id=project_id, states=states)


def propagations(
    ledger: Ledger, task: TaskKey, *, model_version: str | None = None, states: Sequence[JobState] = FINISHED
) -> Iterator[Job]:
    """All propagations of a task by a model (None: by any) in one of these states, newest first; sessions excluded.

    For conditions that the ledger cannot check, such as whether the masks are still there. The first one usually
    fits, so pages are read on demand. Each page starts at the newest job: jobs may be added or removed in between.
    """
    seen: set[str] = set()
    limit = FIRST_PAGE
    while True:
        page = ledger.jobs(task=task, kind=JobKind.PROPAGATE, model_version=model_version, states=states, limit=limit)
        yield from (job for job in page if job.job_id not in seen)
        if len(page) < limit:
            return
        seen.update(job.job_id for job in page)
        limit *= PAGE_GROWTH


def open_jobs(ledger: Ledger, task: TaskKey) -> tuple[Job, ...]:
    """All open jobs of a task, newest first; sessions excluded."""
    return ledger.jobs(task=task, states=OPEN_STATES)


def open_sessions(ledger: Ledger, task: TaskKey | None = None) -> tuple[Job, ...]:
    """All open sessions of clients, newest first. task None: of all tasks."""
    return ledger.jobs(task=task, states=OPEN_STATES, sessions=True)


def running_jobs(ledger: Ledger, worker: str) -> tuple[Job, ...]:
    """All jobs that a worker claimed and has not ended, newest first."""
    return ledger.jobs(worker=worker, states=(JobState.RUNNING,))


def recent_clicks(ledger: Ledger, task: TaskKey, *, since_s: float) -> tuple[Job, ...]:
    """All clicks on a task that are open or changed since then (the ledger's clock), newest first."""
    return ledger.jobs(task=task, kind=JobKind.INTERACTIVE, active_since_s=since_s)


def raise_if_postponed(ledger: Ledger, job: Job, until_s: float) -> None:
    """Raises the cause for which a queued job waits, if its next attempt is later than until_s (the ledger's clock)."""
    if job.state is JobState.QUEUED and job.reason:
        failed = ledger.failed_try(FailureKind.JOB, job.job_id)
        if failed is not None and failed.next_try_s > until_s:
            raise error_of(failed.reason)
