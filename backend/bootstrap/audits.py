"""Wiring of audits, for `masklet status` and `masklet report`."""

from __future__ import annotations

from collections.abc import Mapping

from backend.application.review.audits import Audits
from backend.bootstrap.container import Container
from backend.domain.audits import AuditTally


def audit_tallies(project_id: int | None) -> Mapping[str, AuditTally]:
    """The audit tallies of a project (None: of all projects), by model version."""
    return Audits(Container.from_environment().key_values).tallies(project_id)
