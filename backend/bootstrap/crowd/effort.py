"""Wiring of `masklet crowd effort`."""

from __future__ import annotations

from backend.application.crowd.effort.report import PersonEffort, project_effort
from backend.application.crowd.lead.summaries import Summaries
from backend.application.ports.progress import counted
from backend.bootstrap.container import Container
from backend.domain.errors import InvalidInput, NotFound


def read_effort(project_id: int) -> tuple[PersonEffort, ...]:
    """Everybody's effort in a project; reads the masks of which the sizes are not known yet.

    Raises InvalidInput if effort is switched off, NotFound without any.
    """
    container = Container.from_environment()
    if not container.settings.effort:
        raise InvalidInput("effort is switched off; set MASKLET_EFFORT=true to record and show it")
    ledger = container.ledger
    summaries = Summaries(ledger, container.masks)
    for job in counted(summaries.missing(ledger.project_rows(project_id)), "propagations read"):
        summaries.make(job)
    found = project_effort(ledger, ledger, project_id)
    if not found:
        raise NotFound(f"nobody has worked in project {project_id} yet; people do in the player and in Label Studio")
    return found


def forget_effort(project_id: int, user: str) -> float:
    """Deletes a person's recorded time in a project; returns it, in seconds. Raises NotFound without any."""
    seconds = Container.from_environment().ledger.forget_effort(project_id, user=user)
    if not seconds:
        raise NotFound(f"no time of {user!r} is recorded in project {project_id}; nothing was deleted")
    return seconds
