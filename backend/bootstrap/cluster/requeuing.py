"""Wiring of what supervisors of workers do when one dies. Imports little: a supervisor has no other work."""

from __future__ import annotations

from backend.application.jobs.reconcile import Reconciler
from backend.application.jobs.submit import Submitter
from backend.application.ports.queue import JobQueue
from backend.bootstrap.container import Container


def open_requeuer(container: Container, queue: JobQueue) -> Reconciler:
    """Queues the jobs of a worker that died, and pushes nothing."""
    return Reconciler(
        container.ledger,
        queue,
        Submitter(container.ledger, queue),
        container.clock,
        pusher=None,
        heartbeat_ttl_s=container.settings.heartbeat_ttl_s,
        max_attempts=container.settings.max_attempts,
    )
