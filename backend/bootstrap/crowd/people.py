"""Wiring of what is known of people, for commands and the web process: it needs neither media nor Label Studio."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from backend.adapters.machine.clocks import WallClock
from backend.application.crowd.quality.people import JudgedMaker
from backend.application.crowd.quality.service import QualityService
from backend.bootstrap.container import Container
from backend.domain.crowd.trust import TrustPolicy


def quality_service(container: Container) -> QualityService:
    """What the ledger knows of people and tasks; needs no Label Studio."""
    policy = TrustPolicy(half_life_days=container.settings.trust_half_life_days)
    return QualityService(container.ledger, WallClock().now_s, policy, partial(_verified, container))


def _verified(container: Container, project_id: int) -> Sequence[JudgedMaker]:
    """The verdicts of verifiers on what was made in a project; none if that is no project of a crowd."""
    ledger = container.ledger
    record = ledger.crowd_of_project(project_id)
    if record is None or record.crowd.role_of(project_id) is not record.crowd.maker_role:
        return ()
    # The ledger's clock has no date.
    behind_s = WallClock().now_s() - container.clock.now_s()
    return tuple(
        JudgedMaker(each.maker, each.verdict, each.at_s + behind_s) for each in ledger.maker_verdicts(record.crowd.name)
    )
