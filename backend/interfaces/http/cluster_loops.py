"""What the web process does beside the requests: loops of its own, and loops that run once in the cluster.

A loop is run once in the cluster, under a lease, unless it is of this process (figures, pictures that somebody looks
at) or takes each of its items by a claim in the ledger (pushes, annotations to write): those share the work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from backend.application.annotation.tracking_sessions import TrackingSessions
from backend.application.jobs.leases import RENEW_S, LeaseKeeper
from backend.domain.errors import MaskletError
from backend.interfaces.http.app_state import AppState
from backend.interfaces.http.background import Background
from backend.interfaces.http.lead.lead import Lead
from backend.interfaces.http.status_poller import STATUS_PERIOD_S

logger = logging.getLogger(__name__)

SWEEP_PERIOD_S = 1.0
SESSION_PERIOD_S = 10.0
HANDOVER_PERIOD_S = 5.0
QUALITY_PERIOD_S = 5.0

PUSHERS = 4
"""Pushes at once: one that Label Studio does not answer delays no other."""

ROUTES = "crowd-routes"
HINTS = "route-hints"
"""The notes' folder of projects that changed, written by a process whose router rests."""


def background_of(service: AppState, lead: Lead) -> tuple[Background, ...]:
    """The loops, each in a thread of its own, the renewal of leases first."""
    return (*_renewal(service), *_own(service, lead), *_once(service, lead))


def take_leases(service: AppState) -> None:
    """Takes and renews leases; before the loops start, so that what no other process runs begins at once."""
    if service.parts.leases is not None:
        try:
            service.parts.leases.renew()
        except MaskletError as error:
            logger.warning("leases are not renewed: %s", error)


def hint_routes(service: AppState, project_id: int) -> None:
    """Lets the router look at a project soon, in whichever process it runs."""
    router, leases = service.parts.router, service.parts.leases
    if router is None:
        return
    router.hint(project_id)
    if leases is not None and not leases.holds(ROUTES):
        try:
            service.parts.key_values.write(f"{HINTS}/{project_id}", b"")
        except (MaskletError, OSError) as error:
            logger.info("project %d is looked at when its turn comes: %s", project_id, error)


def _renewal(service: AppState) -> Iterator[Background]:
    if service.parts.leases is not None:
        yield Background("leases", partial(take_leases, service), period_s=RENEW_S)


def _own(service: AppState, lead: Lead) -> Iterator[Background]:
    """In every process."""
    parts = service.parts
    yield Background("pulse", service.pulse.take, period_s=STATUS_PERIOD_S)
    for number in range(PUSHERS):
        yield Background(f"pushes-{number}", parts.reconciler.push, period_s=SWEEP_PERIOD_S)
    yield Background("lead", lead.sweep, period_s=SWEEP_PERIOD_S)
    if service.writer is not None:
        yield Background("annotation-writes", service.writer.sweep, period_s=SWEEP_PERIOD_S)


@dataclass(frozen=True, slots=True)
class _Loop:
    """otherwise: what a process does while another one runs the loop."""

    name: str
    step: Callable[[], object]
    period_s: float = SWEEP_PERIOD_S
    otherwise: Callable[[], object] | None = None


def _once(service: AppState, lead: Lead) -> Iterator[Background]:
    """In one process of the cluster."""
    loops = (*_loops(service, lead), *_optional_loops(service))
    leases = service.parts.leases
    if leases is not None:
        leases.names = tuple(loop.name for loop in loops)
    for loop in loops:
        step = loop.step if leases is None else partial(_run_alone, leases, loop)
        yield Background(loop.name, step, period_s=loop.period_s)


def _run_alone(leases: LeaseKeeper, loop: _Loop) -> None:
    if not leases.run(loop.name, loop.step) and loop.otherwise is not None:
        loop.otherwise()


def _loops(service: AppState, lead: Lead) -> Iterator[_Loop]:
    parts = service.parts
    yield _Loop("reconciler", parts.reconciler.reconcile)
    yield _Loop("retention", parts.reconciler.retain)
    yield _Loop("leftovers", parts.leftovers.sweep)
    yield _Loop("orders", lead.processing.sweep)
    yield _Loop("measuring", lead.sweep_quality, QUALITY_PERIOD_S)
    yield _Loop("sessions", TrackingSessions(parts.annotation_service, parts.session_cursors).sweep, SESSION_PERIOD_S)


def _optional_loops(service: AppState) -> Iterator[_Loop]:
    """Those that need a Label Studio."""
    parts, poll = service.parts, service.poll
    if poll is not None:
        yield _Loop("annotations", poll.sweep, otherwise=poll.read_sources)
    if parts.router is not None:
        yield _Loop(ROUTES, partial(_route, service))
    if parts.trainings is not None:
        yield _Loop("trainings", parts.trainings.reconciler.sweep)
    if parts.handover is not None:
        yield _Loop("segments", parts.handover.sweep, HANDOVER_PERIOD_S)


def _route(service: AppState) -> None:
    router, key_values = service.parts.router, service.parts.key_values
    assert router is not None, "the loop runs with a router"
    for name in key_values.names(HINTS):
        key_values.remove(name)
        router.hint(int(name.rpartition("/")[2]))
    router.sweep()
