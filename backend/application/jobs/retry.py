"""Retries at once of what failed: on request, and when the settings or a project change.

Jobs, pushes and adoptions that fail are retried by themselves, later and later. The ledger has when.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace

from backend.application.jobs.queries import ANY, newest_propagations
from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.ledger import Ledger
from backend.domain.errors import ServiceUnavailable, reason_of
from backend.domain.jobs import JobKind, JobState
from backend.domain.retries import FailedTry
from backend.domain.tasks import TaskKey

logger = logging.getLogger(__name__)

SETTINGS = "changes/settings"


@dataclass(frozen=True, slots=True)
class Retried:
    """Counts. jobs: failed propagations that were opened again. given_up: refused pushes, and adoptions that were given
    up. waiting: failed tries that are tried now and not later."""

    jobs: int = 0
    given_up: int = 0
    waiting: int = 0


def retry_now(ledger: Ledger, *, project_id: int | None = None, task: TaskKey | None = None) -> Retried:
    """Opens failed propagations and refused pushes again, and lets what waits be tried now.

    Of a project, of a task, or all. A propagation is opened again if it is the newest of its task.
    """
    project_id = project_id if task is None else task.project_id
    opened = 0
    for job in newest_propagations(ledger, project_id=project_id, states=ANY):
        if job.state is JobState.FAILED and task in (None, job.task):
            ledger.submit(JobKind.PROPAGATE, ledger.request(job.job_id))
            opened += 1
    given_up = ledger.retry_given_up(project_id=project_id, task=task)
    return Retried(opened, given_up, ledger.hasten(project_id=project_id, task=task))


def failed_again(earlier: FailedTry, error: Exception, *, now_s: float, random: float) -> FailedTry:
    """The failed try with one more failure: tried again without an end while a service does not answer, else for a day.

    now_s: the ledger's clock. random: 0 to 1, shortens the wait.
    """
    failures = earlier.failures.after(error, now_s)
    is_given_up = not isinstance(error, ServiceUnavailable) and failures.is_given_up(now_s)
    next_try_s = now_s + failures.wait_s(now_s, random)
    return replace(earlier, failures=failures, next_try_s=next_try_s, is_given_up=is_given_up, reason=reason_of(error))


def outlook(failed: FailedTry, now_s: float) -> str:
    """When a failed try is tried again, for logs."""
    if failed.is_given_up:
        return "given up; `masklet jobs retry` tries again"
    return f"trying again in {failed.next_try_s - now_s:.0f} s"


def note_change(ledger: Ledger, key_values: KeyValueStore, name: str, state: str, project_id: int | None) -> None:
    """Retries refused and waiting things if a state differs from the one that was noted last under this name.

    state: its hash is stored. project_id None: everything is retried.
    """
    digest = hashlib.sha256(state.encode()).digest()
    known = key_values.read(name)
    if known == digest:
        return
    key_values.write(name, digest)
    if known is None:
        return
    retried = ledger.retry_given_up(project_id=project_id) + ledger.hasten(project_id=project_id)
    if retried:
        logger.info("%s changed: %d failed tries are retried", name, retried)


def project_name(project_id: int) -> str:
    """The key under which a project's label config is noted."""
    return f"changes/project-{project_id}"
