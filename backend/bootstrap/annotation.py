"""Wiring of the annotation service for commands: they work without a queue, and do not wait for workers."""

from __future__ import annotations

from collections.abc import Sequence

from backend.application.annotation.annotation_service import AnnotationService
from backend.application.jobs.submit import Submitter
from backend.application.ports.notifier import NoNotifier
from backend.application.ports.queue import JobQueue
from backend.bootstrap.container import Container
from backend.domain.errors import QueueUnavailable
from backend.domain.jobs import Job, JobKind


def open_annotation_service(container: Container) -> AnnotationService:
    """The service on the ledger and the mask store. Without a queue what is submitted waits in the ledger."""
    submitter = Submitter(container.ledger, _queue(container))
    return AnnotationService(
        container.ledger, container.masks, submitter, container.clock, NoNotifier(), lambda _: None
    )


class _NoQueue:
    """A queue that is away: what is submitted waits in the ledger until `masklet up` runs again."""

    def __init__(self, error: QueueUnavailable) -> None:
        self._error = error

    def enqueue(self, job: Job, *, timeout_s: float, goes_first: bool = False) -> None:
        raise self._error

    def is_known(self, job: Job) -> bool:
        raise self._error

    def unknown(self, jobs: Sequence[Job]) -> tuple[Job, ...]:
        raise self._error

    def depths(self) -> dict[JobKind, int]:
        raise self._error

    def workers(self) -> dict[JobKind, int]:
        raise self._error

    def workers_and_silent(self) -> dict[JobKind, tuple[int, int]]:
        raise self._error


def _queue(container: Container) -> JobQueue:
    try:
        return container.queue
    except QueueUnavailable as error:
        return _NoQueue(error)
