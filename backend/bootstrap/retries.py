"""Wiring of `masklet jobs retry`."""

from __future__ import annotations

from backend.application.jobs.retry import Retried, retry_now
from backend.bootstrap.container import Container
from backend.domain.errors import InvalidInput
from backend.domain.tasks import TaskKey


def retry_jobs(target: str) -> Retried:
    """Retries at once what failed in a project ("3"), of a task ("3/41"), or everything ("").

    The web process dispatches the jobs. Raises InvalidInput for another target, ServiceUnavailable without a ledger.
    """
    project, slash, task = target.partition("/")
    if target and not (project.isdecimal() and (task.isdecimal() if slash else True)):
        raise InvalidInput(f"{target!r} is neither a project's number nor PROJECT/TASK")
    key = TaskKey(int(project), int(task)) if slash else None
    ledger = Container.from_environment().ledger
    return retry_now(ledger, project_id=int(project) if project else None, task=key)
