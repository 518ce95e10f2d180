"""Wiring of trainings for commands, the web process and `masklet up`: requests and recovery."""

from __future__ import annotations

import logging

from backend.adapters.queue.rq_queue import RqQueue
from backend.adapters.queue.training_queue import RqTrainingQueue
from backend.application.training.labels import annotator_choice
from backend.application.training.reconcile import TrainingReconciler
from backend.application.training.requests import Trainings
from backend.bootstrap.container import Container
from backend.domain.errors import InvalidInput, ServiceUnavailable
from backend.domain.training.rows import TrainingRequest
from backend.domain.verdicts import VerdictChoice

logger = logging.getLogger(__name__)


def open_trainings(container: Container) -> Trainings:
    """Raises QueueUnavailable without REDIS_URL and without a running `masklet up`."""
    return Trainings(container.ledger, RqTrainingQueue(container.queue))


def default_request(container: Container, project_id: int, *, user: str = "") -> TrainingRequest:
    """What Label Studio's button asks for: the settings. Raises InvalidInput naming the setting."""
    settings = container.settings
    return checked_request(
        TrainingRequest(
            project_id,
            minutes=settings.train_minutes,
            parts=settings.train_what,
            verdicts=settings.train_verdict,
            annotator=settings.train_annotator,
            activates=settings.train_activate_if_better,
            user=user,
        )
    )


def require_label_studio(container: Container) -> None:
    """Raises InvalidInput if the settings name no Label Studio."""
    if not container.settings.label_studio_url:
        raise InvalidInput("a training reads labels from Label Studio; put its address in LABEL_STUDIO_URL")


def checked_request(request: TrainingRequest) -> TrainingRequest:
    """The request, if its choice of labels can be read. Raises InvalidInput naming the choices."""
    VerdictChoice.parse(request.verdicts)
    annotator_choice(request.annotator)
    return request


def open_training_reconciler(container: Container, queue: RqQueue) -> TrainingReconciler:
    return TrainingReconciler(
        container.ledger,
        RqTrainingQueue(queue),
        container.clock,
        heartbeat_ttl_s=container.settings.heartbeat_ttl_s,
        max_tries=container.settings.max_attempts,
    )


def has_open_training(container: Container) -> bool:
    """Whether a train worker is needed; False if the ledger does not say."""
    try:
        return bool(container.ledger.trainings(is_open=True, limit=1))
    except ServiceUnavailable as error:
        logger.warning("whether a training waits is not known: %s", error)
        return False
