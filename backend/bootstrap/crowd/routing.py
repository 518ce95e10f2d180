"""Wiring of routing in crowds: the web process's loop, `masklet crowd init` and `masklet crowd status`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from backend.adapters.labelstudio.api.correction_tasks import CorrectionTasks
from backend.adapters.labelstudio.api.projects import Projects
from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.crowd.role_configs import crowd_config
from backend.adapters.labelstudio.crowd.routed_tasks import LabelStudioCrowdTasks
from backend.application.annotation.annotation_service import AnnotationService
from backend.application.crowd.quality.service import QualityService
from backend.application.crowd.routing.arrivals import Arrivals
from backend.application.crowd.routing.decisions import Decisions
from backend.application.crowd.routing.filled_tasks import FilledTasks
from backend.application.crowd.routing.made_masks import MadeMasks
from backend.application.crowd.routing.router import Router
from backend.application.crowd.routing.setup import CrowdSetup
from backend.application.crowd.routing.status import CrowdStatuses
from backend.application.crowd.routing.steps import Steps
from backend.application.player.user_record import UserRecords
from backend.bootstrap.container import Container
from backend.bootstrap.crowd.people import quality_service
from backend.bootstrap.projects import open_connector
from backend.codecs.coco_rle import CocoCodec
from backend.domain.crowd.routing import Checks, Crowd
from backend.domain.crowd.trust import check_share


@dataclass(frozen=True, slots=True)
class CrowdProjectOptions:
    """The ProjectOptions port."""

    session: Session

    def set_people(self, project_id: int, people: int) -> None:
        Projects(self.session).set_people(project_id, people)

    def serve_worst_first(self, project_id: int, model_version: str) -> None:
        CorrectionTasks(self.session).serve_worst_first(project_id, model_version)


def open_router(container: Container, service: AnnotationService) -> Router:
    """The router of the web process, with a session of its own. Raises InvalidInput without LABEL_STUDIO_URL."""
    ledger, clock = container.ledger, container.clock
    tasks = LabelStudioCrowdTasks(container.label_studio_session())
    steps = Steps(
        ledger,
        ledger,
        tasks,
        Arrivals(ledger, ledger, tasks),
        MadeMasks(service, UserRecords(container.key_values), container.key_values),
        FilledTasks(service, CocoCodec()),
        container.model_announcement,
        container.task_signer,
        clock,
        partial(is_checked, quality_service(container)),
    )
    return Router(ledger, ledger, steps, clock)


def is_checked(quality: QualityService, crowd: Crowd, maker: str) -> bool:
    """Draws whether what a person made is verified, by the trust in that person."""
    role = crowd.maker_role
    if crowd.checks is Checks.ALL or role is None:
        return True
    return random.SystemRandom().random() < check_share(quality.trust(crowd.projects[role])(maker))


@contextmanager
def open_setup(container: Container, *, url: str = "", public_url: str = "") -> Iterator[CrowdSetup]:
    """url, public_url: as `open_connector` takes them. Raises as it does."""
    with open_connector(container, url=url, public_url=public_url) as connector:
        session = container.label_studio_session()
        try:
            options = CrowdProjectOptions(session)
            yield CrowdSetup(
                container.ledger, Projects(session), options, connector, crowd_config, container.key_values
            )
        finally:
            session.close()


@contextmanager
def open_decisions(container: Container) -> Iterator[Decisions]:
    """Label Studio's tasks are told, if the settings name one."""
    if not container.settings.label_studio_url:
        yield Decisions(container.ledger)
        return
    session = container.label_studio_session()
    try:
        yield Decisions(container.ledger, LabelStudioCrowdTasks(session))
    finally:
        session.close()


@contextmanager
def open_statuses(container: Container) -> Iterator[CrowdStatuses]:
    """Asks Label Studio for the projects, if the settings name one."""
    ledger, clock = container.ledger, container.clock
    if not container.settings.label_studio_url:
        yield CrowdStatuses(ledger, ledger, clock)
        return
    session = container.label_studio_session()
    try:
        yield CrowdStatuses(ledger, ledger, clock, Projects(session))
    finally:
        session.close()
