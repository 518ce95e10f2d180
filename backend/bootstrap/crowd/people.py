"""Wiring of what is known of people, for commands and the web process: it needs neither media nor Label Studio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from backend.adapters.machine.clocks import WallClock
from backend.application.crowd.quality.people import JudgedMaker
from backend.application.crowd.quality.service import QualityService
from backend.application.ports.datasets import DatasetVideo
from backend.application.training.counted_frames import AuthoredVideo
from backend.bootstrap.container import Container
from backend.domain.crowd.estimates import Estimate, PersonQuality
from backend.domain.crowd.trust import TrustPolicy
from backend.domain.errors import InvalidInput


def quality_service(container: Container) -> QualityService:
    """What the ledger knows of people and tasks; needs no Label Studio."""
    policy = TrustPolicy(half_life_days=container.settings.trust_half_life_days)
    return QualityService(container.ledger, WallClock().now_s, policy, partial(_verified, container))


def known_people(service: QualityService, project_id: int) -> Mapping[str, PersonQuality]:
    """What `masklet crowd trust` measured last. Raises InvalidInput if nothing is known."""
    known = service.people(project_id)
    if not known:
        raise InvalidInput(
            f"nothing is known of the people of project {project_id} yet; measure them first: "
            f"masklet crowd trust {project_id}"
        )
    return known


def trust_in_author(video: DatasetVideo, known: Mapping[str, PersonQuality], prior: Estimate) -> Estimate:
    """The trust in the person of an annotation; the prior in one of whom nothing is known."""
    author = video.author if isinstance(video, AuthoredVideo) else ""
    return known[author].trust if author in known else prior


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
