"""Label Studio's ML protocol, as Label Studio 1.23 calls it."""

from __future__ import annotations

import time

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from starlette.background import BackgroundTask
from starlette.requests import Request

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.application.annotation.change_detection import record_project, record_webhook
from backend.application.jobs.retry import note_change, project_name
from backend.domain.errors import LabelConfigError, MaskletError, NotAllowed
from backend.interfaces.http.app_state import AppState, json_reply
from backend.interfaces.http.auth import NEEDS_SECRET, WITHOUT_SECRET
from backend.interfaces.http.calls import (
    predict_call,
    project_number,
    project_of,
    train_call,
    training_call,
    webhook_call,
)
from backend.interfaces.http.cluster_loops import hint_routes
from backend.interfaces.http.errors import status_of
from backend.interfaces.http.health import health
from backend.interfaces.http.metrics import CONTENT_TYPE
from backend.interfaces.http.training_button import start_training, training_status
from backend.interfaces.labelstudio.annotations import ChangeHint
from backend.interfaces.labelstudio.predict import MaskletModel
from backend.interfaces.labelstudio.tracking_calls import EventCall, event_call
from backend.interfaces.labelstudio.tracking_protocol import TrackingProtocol


class ProtocolRoutes:
    """The handlers, one method a route."""

    def __init__(self, service: AppState) -> None:
        self._service = service

    @property
    def router(self) -> APIRouter:
        router = APIRouter()
        for path in ("/", "/health"):
            router.add_api_route(path, self.health, methods=["GET"])
        router.add_api_route("/metrics", self.metrics, methods=["GET"], response_class=Response)
        router.add_api_route("/versions", self.versions, methods=["GET"])
        router.add_api_route("/versions", self.versions_of_project, methods=["POST"])
        for name in ("setup", "predict", "webhook", "train", "job_status"):
            router.add_api_route(f"/{name}", getattr(self, name), methods=["POST"])
        return router

    async def health(self) -> JSONResponse:
        return json_reply(health(self._service))

    async def metrics(self) -> Response:
        service = self._service
        return await service.quickly(lambda: Response(service.metrics.text(), media_type=CONTENT_TYPE))

    async def versions(self) -> JSONResponse:
        service = self._service
        return await service.quickly(lambda: json_reply({"versions": [service.model_version]}))

    async def versions_of_project(self, request: Request) -> JSONResponse:
        def handled(document: dict[str, object]) -> JSONResponse:
            project_of(document)
            return json_reply({"versions": [self._service.model_version]})

        return await self._service.answer(request, handled)

    async def setup(self, request: Request) -> JSONResponse:
        return await self._service.answer(request, lambda document: _setup(self._service, document))

    async def predict(self, request: Request) -> JSONResponse:
        return await _predict(self._service, request)

    async def webhook(self, request: Request) -> JSONResponse:
        needs_secret = bool(request.scope.get(WITHOUT_SECRET))
        return await self._service.answer(
            request, lambda document: _webhook(self._service, document, needs_secret=needs_secret)
        )

    async def train(self, request: Request) -> JSONResponse:
        return await self._service.answer(request, lambda document: _train(self._service, document))

    async def job_status(self, request: Request) -> JSONResponse:
        return await self._service.answer(request, lambda document: training_status(self._service, document))


def _setup(service: AppState, document: dict[str, object]) -> JSONResponse:
    """The token and the address that Label Studio sends are neither trusted nor kept."""
    project = project_of(document, needed=True)
    record_project(service.parts.key_values, int(project.partition(".")[0]))
    reply: dict[str, object] = {"model_version": service.model_version}
    schema = document.get("schema")
    if isinstance(schema, str) and schema:
        project_id = int(project.partition(".")[0])
        parts = service.parts
        note_change(parts.ledger, parts.key_values, project_name(project_id), schema, project_id)
        try:
            read_binding(schema)
        except LabelConfigError as error:
            reply["warning"] = str(error)
    return json_reply(reply)


async def _predict(service: AppState, request: Request) -> JSONResponse:
    kinds = ["unread"]
    started_s = time.monotonic()
    give_up_s = service.parts.clock.monotonic_s() + service.parts.settings.reply_deadline_s

    def predicted(document: dict[str, object]) -> JSONResponse:
        event = event_call(document)
        if event is not None:
            kinds.append(event.event)
            return _event_reply(service, event, give_up_s=give_up_s)
        call = predict_call(document)
        kinds.append("interactive" if call.is_interactive else "batch")
        model = MaskletModel(project_id=call.project, label_config=call.label_config, parts=service.parts)
        results = model.predict(call.tasks, context=call.context, give_up_s=give_up_s)
        return json_reply({"results": results, "model_version": model.model_version})

    status = 500
    try:
        reply = await service.answer(request, predicted, waits=True)
        status = reply.status_code
    except MaskletError as error:
        status = status_of(error)
        raise
    finally:
        service.metrics.observe_predict(kinds[-1], status, time.monotonic() - started_s)
    return reply


def _event_reply(service: AppState, call: EventCall, *, give_up_s: float) -> JSONResponse:
    version = service.model_version if call.event == "capabilities" else service.require_model_version()
    entry = TrackingProtocol(service.parts, call, version=version, give_up_s=give_up_s).answer()
    return json_reply({"results": [entry], "model_version": version})


def _webhook(service: AppState, document: dict[str, object], *, needs_secret: bool) -> JSONResponse:
    """A hint that annotations changed. What changed is read from Label Studio itself, after the reply: Label Studio
    waits a second at most and may be the very process that would have to answer.

    Its button Start Training calls the same path, without the webhooks' secret. Raises NotAllowed for others without.
    """
    project_id = training_call(document)
    if project_id is not None:
        return start_training(service, project_id)
    if needs_secret:
        raise NotAllowed(NEEDS_SECRET)
    call = webhook_call(document)
    for project_id in {hint.task.project_id for hint in call.hints}:
        record_webhook(service.parts.key_values, project_id, service.parts.clock.now_s())
    if not call.hints:
        return json_reply({"status": "ignored", "action": call.action})
    return _adopting(service, call.hints, status=200)


def _train(service: AppState, document: dict[str, object]) -> JSONResponse:
    """Label Studio's older call of its button, with all annotations; they are hints like a webhook's."""
    project_id = training_call(document)
    hints = () if project_id is not None else train_call(document)
    if project_id is None and not hints:
        return json_reply({"detail": "no annotations found: there is nothing to learn from"}, 400)
    if hints and service.parts.trainings is None:
        return _adopting(service, hints, status=201)
    reply = start_training(service, project_number(document) if project_id is None else project_id)
    if hints and service.adopter is not None:
        reply.background = _adoption(service, hints)
    return reply


def _adopting(service: AppState, hints: tuple[ChangeHint, ...], *, status: int) -> JSONResponse:
    if service.adopter is None:
        return json_reply({"status": "ignored", "reason": "LABEL_STUDIO_URL is not set: annotations cannot be read"})
    reply = json_reply({"status": "accepted", "tasks": [str(hint.task) for hint in hints]}, status)
    reply.background = _adoption(service, hints)
    return reply


def _adoption(service: AppState, hints: tuple[ChangeHint, ...]) -> BackgroundTask:
    """What follows the reply."""
    assert service.adopter is not None
    for hint in hints:
        hint_routes(service, hint.task.project_id)
    return BackgroundTask(service.adopter.adopt_all, hints)
