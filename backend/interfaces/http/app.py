"""The web application, assembled from parts. Creating it starts nothing; serving it starts its background work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import anyio
import anyio.to_thread
from fastapi import FastAPI

from backend.application.annotation.tracking_sessions import TrackingSessions
from backend.application.ports.progress import work_moved
from backend.bootstrap.web import WebParts
from backend.interfaces.http import errors
from backend.interfaces.http.address_check import AddressCheckMiddleware
from backend.interfaces.http.app_state import AppState
from backend.interfaces.http.auth import AuthMiddleware, Credentials
from backend.interfaces.http.background import Background
from backend.interfaces.http.batches import batch_routes
from backend.interfaces.http.jobs import job_routes
from backend.interfaces.http.lead.lead import Lead
from backend.interfaces.http.lead.routes import install_lead
from backend.interfaces.http.media import media_routes
from backend.interfaces.http.metrics import RequestCount
from backend.interfaces.http.player.routes import install_player
from backend.interfaces.http.routes import ProtocolRoutes
from backend.interfaces.http.same_origin import AllowedHosts, SameOriginMiddleware
from backend.interfaces.http.status_poller import STATUS_PERIOD_S

SWEEP_PERIOD_S = 1.0
SESSION_SWEEP_PERIOD_S = 10.0
HANDOVER_PERIOD_S = 5.0
QUALITY_PERIOD_S = 5.0
FIRST_FIGURES_S = 1.0
"""How long the start waits for the first figures; a queue that is away is reported as such from then on."""


PUSHERS = 4
"""Pushes at once: one that Label Studio does not answer delays no other."""

PROGRESS_PERIOD_S = 1.0


def create_app(parts: WebParts) -> FastAPI:
    """The app for these parts. Slashes are not redirected: a redirect would replay a login elsewhere."""
    service = AppState(parts)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as running:
            service.background = _background(service, lead)
            for step in service.background:
                running.enter_context(step)
            await anyio.to_thread.run_sync(service.pulse.wait_for_first, FIRST_FIGURES_S)
            if parts.media is not None:
                running.callback(parts.media.close)
            running.callback(lead.close)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_report_progress)
                yield
                tasks.cancel_scope.cancel()

    app = FastAPI(title="Masklet", lifespan=lifespan, redirect_slashes=False, docs_url=None, redoc_url=None)
    errors.install(app)
    app.include_router(ProtocolRoutes(service).router)
    app.include_router(job_routes(service))
    if parts.media is not None:
        app.include_router(media_routes(service, parts.media))
        app.include_router(batch_routes(service, parts.media))
    install_player(app, service)
    lead = install_lead(app, service)
    settings = parts.settings
    app.add_middleware(AddressCheckMiddleware)
    allowed = AllowedHosts.of(settings.allowed_hosts, allows_undotted=bool(settings.password))
    app.add_middleware(SameOriginMiddleware, allowed=allowed, public_url=settings.public_url)
    app.add_middleware(
        AuthMiddleware,
        credentials=Credentials(settings.user, settings.password, settings.webhook_secret),
        has_player_sessions=parts.player is not None,
    )
    app.add_middleware(RequestCount, metrics=service.metrics)
    return app


def _background(service: AppState, lead: Lead) -> tuple[Background, ...]:
    """What the web process does beside the requests, each in a thread of its own."""
    parts = service.parts
    reconciler = parts.reconciler
    sessions = TrackingSessions(parts.annotation_service, parts.session_cursors)
    steps = [
        Background("pulse", service.pulse.take, period_s=STATUS_PERIOD_S),
        Background("reconciler", reconciler.reconcile, period_s=SWEEP_PERIOD_S),
        *(Background(f"pushes-{number}", reconciler.push, period_s=SWEEP_PERIOD_S) for number in range(PUSHERS)),
        Background("retention", reconciler.retain, period_s=SWEEP_PERIOD_S),
        Background("lead", lead.sweep, period_s=SWEEP_PERIOD_S),
        Background("measuring", lead.sweep_quality, period_s=QUALITY_PERIOD_S),
        Background("sessions", sessions.sweep, period_s=SESSION_SWEEP_PERIOD_S),
    ]
    if service.poll is not None:
        steps.append(Background("annotations", service.poll.sweep, period_s=SWEEP_PERIOD_S))
    if service.writer is not None:
        steps.append(Background("annotation-writes", service.writer.sweep, period_s=SWEEP_PERIOD_S))
    if parts.router is not None:
        steps.append(Background("crowd-routes", parts.router.sweep, period_s=SWEEP_PERIOD_S))
    if parts.trainings is not None:
        steps.append(Background("trainings", parts.trainings.reconciler.sweep, period_s=SWEEP_PERIOD_S))
    if parts.handover is not None:
        steps.append(Background("segments", parts.handover.sweep, period_s=HANDOVER_PERIOD_S))
    return tuple(steps)


async def _report_progress() -> None:
    """The event loop's steps of work: without them nothing answers."""
    while True:
        work_moved()
        await anyio.sleep(PROGRESS_PERIOD_S)
