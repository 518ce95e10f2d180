"""Batches over HTTP: how far each project's is, for a lead's eyes or script."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from backend.adapters.media.serving.service import MediaService
from backend.application.imports.status import project_statuses
from backend.interfaces.http.app_state import AppState, json_reply


def batch_routes(service: AppState, media: MediaService) -> APIRouter:
    router = APIRouter()

    @router.get("/batches")
    async def list_batches(project: int = 0) -> JSONResponse:
        def listed() -> JSONResponse:
            statuses = project_statuses(
                service.parts.ledger, media.records, project or None, undecodable=media.records.undecodable
            )
            return json_reply({"projects": [found.document() for found in statuses]})

        return await service.looked_up(listed)

    return router
