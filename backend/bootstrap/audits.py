"""The parts of what `masklet status` and `masklet report` say of audits."""

from __future__ import annotations

from collections.abc import Mapping

from backend.application.review.audits import Audits
from backend.bootstrap.container import Container
from backend.domain.audits import AuditTally


def audit_tallies(project_id: int | None) -> Mapping[str, AuditTally]:
    """What audits of a project (None: of all) add up to, by model version."""
    return Audits(Container.from_environment().key_values).tallies(project_id)
