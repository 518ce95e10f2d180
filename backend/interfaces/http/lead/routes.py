"""The lead's page and its API, put together."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI

from backend.interfaces.http.app_state import AppState
from backend.interfaces.http.lead import bodies, schemas, training_schemas
from backend.interfaces.http.lead.exports import ExportRoutes
from backend.interfaces.http.lead.lead import PREFIX, Lead
from backend.interfaces.http.lead.pictures import PictureRoutes
from backend.interfaces.http.lead.projects import ProjectRoutes
from backend.interfaces.http.lead.trainings import TrainingRoutes
from backend.interfaces.http.lead.work import WorkRoutes
from backend.interfaces.http.player.documentation import document_schemas
from backend.interfaces.http.player.page import install_files
from backend.interfaces.http.player.problems import PlayerRoute

FOLDER = Path(__file__).parent / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def install_lead(app: FastAPI, state: AppState) -> Lead:
    """Adds the page and the API to an app."""
    install_files(app, "/lead", FOLDER, POLICY)
    router, lead = APIRouter(prefix=PREFIX, route_class=PlayerRoute), Lead(state)
    for routes in (ProjectRoutes, WorkRoutes, PictureRoutes, ExportRoutes, TrainingRoutes):
        routes(lead).add_to(router)
    app.include_router(router)
    document_schemas(app, schemas, training_schemas, bodies)
    app.state.lead = lead
    return lead
