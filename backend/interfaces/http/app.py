"""The web application, assembled from parts. Creating it starts nothing; serving it starts its background work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import anyio
import anyio.to_thread
from fastapi import FastAPI

from backend.application.ports.progress import work_moved
from backend.bootstrap.web import WebParts
from backend.interfaces.http import errors
from backend.interfaces.http.address_check import AddressCheckMiddleware
from backend.interfaces.http.app_state import AppState
from backend.interfaces.http.auth import AuthMiddleware, Credentials
from backend.interfaces.http.batches import batch_routes
from backend.interfaces.http.cluster_loops import background_of, take_leases
from backend.interfaces.http.jobs import job_routes
from backend.interfaces.http.lead.routes import install_lead
from backend.interfaces.http.media import media_routes
from backend.interfaces.http.metrics import RequestCount
from backend.interfaces.http.player.routes import install_player
from backend.interfaces.http.routes import ProtocolRoutes
from backend.interfaces.http.same_origin import AllowedHosts, SameOriginMiddleware

FIRST_FIGURES_S = 1.0
"""How long the start waits for the first figures; a queue that is away is reported as such from then on."""

PROGRESS_PERIOD_S = 1.0


def create_app(parts: WebParts) -> FastAPI:
    """The app for these parts. Slashes are not redirected: a redirect would replay a login elsewhere."""
    service = AppState(parts)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as running:
            service.background = background_of(service, lead)
            await anyio.to_thread.run_sync(take_leases, service)
            if parts.leases is not None:
                running.callback(parts.leases.close)
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


async def _report_progress() -> None:
    """The event loop's steps of work: without them nothing answers."""
    while True:
        work_moved()
        await anyio.sleep(PROGRESS_PERIOD_S)
