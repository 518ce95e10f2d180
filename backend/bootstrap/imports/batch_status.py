"""Wiring of `masklet status`. Apart from `bootstrap.imports.batch`, whose imports take seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.application.imports.status import ProjectStatus, project_statuses, task_name
from backend.application.review.audits import Audits
from backend.bootstrap.container import Container
from backend.domain.audits import AuditTally
from backend.domain.tasks import TaskKey


@dataclass(frozen=True, slots=True)
class ProjectOverview:
    """A project's status. audits: by model version. address: of its tasks in Label Studio; empty without one."""

    status: ProjectStatus
    audits: Mapping[str, AuditTally]
    address: str

    def document(self) -> dict[str, object]:
        """As JSON."""
        audits = {version: tally.document() for version, tally in self.audits.items()}
        return {**self.status.document(), "address": self.address, "audits": audits}


def read_overviews(container: Container, project_id: int | None) -> list[ProjectOverview]:
    """The overview of a project; None: of all. Raises NotFound, ServiceUnavailable if the ledger cannot be read."""
    audits = Audits(container.key_values)
    url = container.label_studio_public_url
    records = container.import_records
    statuses = project_statuses(container.ledger, records, project_id, undecodable=records.undecodable)
    return [
        ProjectOverview(
            status, audits.tallies(status.project_id), f"{url}/projects/{status.project_id}/data" if url else ""
        )
        for status in statuses
    ]


def imported_names(container: Container, project_id: int) -> dict[TaskKey, str]:
    """The names of a project's imported tasks, with their numbers."""
    names = {item.task: item.name for item in container.import_records.items(project_id)}
    return {task: task_name(task, names) for task in names}


def audit_tallies(project_id: int | None) -> Mapping[str, AuditTally]:
    """The audit tallies of a project (None: of all projects), by model version."""
    return Audits(Container.from_environment().key_values).tallies(project_id)
