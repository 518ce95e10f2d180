"""Routes of trainings: start, list, cancel, report; the model in use."""

from __future__ import annotations

import math

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from starlette.requests import Request

from backend.application.training.requests import Trainings
from backend.bootstrap.training.web import WebTrainings
from backend.codecs.training_json import result_document
from backend.domain.errors import InvalidInput, MalformedRequest, NotFound, ServiceUnavailable
from backend.domain.training import TrainedPart
from backend.domain.training.rows import Training, TrainingState
from backend.interfaces.http.app_state import json_reply
from backend.interfaces.http.lead import forms
from backend.interfaces.http.lead.bodies import ModelBody, TrainingBody
from backend.interfaces.http.lead.lead import PREFIX, PROJECT, Lead
from backend.interfaces.http.lead.pictures import REPORT_POLICY
from backend.interfaces.http.lead.training_schemas import TrainingList
from backend.interfaces.http.player.documentation import described, described_as

MOST_LEFT_OUT = 100


class TrainingRoutes:
    """Trainings of a project."""

    def __init__(self, lead: Lead) -> None:
        self._lead = lead

    def add_to(self, router: APIRouter) -> None:
        listed = described("Lists the trainings of a project, and the model in use", TrainingList, changes=False)
        router.add_api_route(PROJECT + "/trainings", self.trainings, methods=["GET"], **listed)
        started = described("Starts a training on the project's labels", TrainingList, status=202, body=TrainingBody)
        router.add_api_route(PROJECT + "/trainings", self.start, methods=["POST"], **started)
        one = PROJECT + "/trainings/{name}"
        cancelled = described("Cancels a training", TrainingList)
        router.add_api_route(one, self.cancel, methods=["DELETE"], **cancelled)
        report = described_as("Shows the report of an ended training", "text/html", "The page.")
        router.add_api_route(one + "/report", self.report, methods=["GET"], response_class=Response, **report)
        used = described("Makes a training's checkpoint the model in use, or rolls back", TrainingList, body=ModelBody)
        router.add_api_route(PROJECT + "/model", self.use, methods=["POST"], **used)

    async def trainings(self, request: Request, project: int) -> Response:
        def listed() -> JSONResponse:
            self._lead.require_project(request, project)
            return self._list(project)

        return await self._lead.read(listed)

    async def start(self, request: Request, project: int) -> JSONResponse:
        def started(document: dict[str, object]) -> JSONResponse:
            caller = self._lead.require_project(request, project)
            minutes, parts, activates = _choices(document)
            training, is_new = self._parts.start(
                project, user=caller.user, minutes=minutes, parts=parts, activates=activates
            )
            if not is_new:
                raise InvalidInput(f"training {training.name} of this project is {training.state}; cancel it first")
            return self._list(project, 202)

        return await self._lead.state.answer(request, started)

    async def cancel(self, request: Request, project: int, name: str) -> Response:
        def cancelled() -> JSONResponse:
            self._lead.require_project(request, project)
            self._trainings.cancel(self._training(project, name))
            return self._list(project)

        return await self._lead.read(cancelled)

    async def report(self, request: Request, project: int, name: str) -> Response:
        def shown() -> Response:
            self._lead.require_project(request, project)
            page = self._parts.report(self._training(project, name))
            headers = {"Content-Security-Policy": REPORT_POLICY, "Cache-Control": "no-store"}
            return Response(page, headers=headers, media_type="text/html; charset=utf-8")

        return await self._lead.slowly(shown)

    async def use(self, request: Request, project: int) -> JSONResponse:
        def used(document: dict[str, object]) -> JSONResponse:
            caller = self._lead.require_project(request, project)
            name = document.get("training")
            if name is None:
                self._parts.roll_back()
            elif isinstance(name, str):
                self._parts.use(self._training(project, name), by=caller.user)
            else:
                raise MalformedRequest("training must be the name of a training, or null to roll back")
            return self._list(project)

        # A checkpoint's bytes are hashed before it is used.
        return await self._lead.state.answer(request, used, waits=True)

    @property
    def _parts(self) -> WebTrainings:
        parts = self._lead.state.parts.trainings
        if parts is None:
            raise ServiceUnavailable("trainings read labels from Label Studio; put its address in LABEL_STUDIO_URL")
        return parts

    @property
    def _trainings(self) -> Trainings:
        return self._parts.trainings

    def _training(self, project_id: int, name: str) -> Training:
        """Raises NotFound for one of another project too."""
        found = next((each for each in self._trainings.of_project(project_id) if each.name == name), None)
        if found is None:
            raise NotFound(f"project {project_id} has no training {name[:60]!r}")
        return found

    def _list(self, project_id: int, status: int = 200) -> JSONResponse:
        parts = self._parts
        minutes, what, setting = parts.settings
        active = parts.active
        listed = [_form(each, parts, active) for each in self._trainings.of_project(project_id)]
        return json_reply(
            {
                "trainings": listed,
                "active": active,
                "setting": setting,
                "minutes": minutes,
                "what": what,
                "workers": parts.workers(),
            },
            status,
        )


def _choices(document: dict[str, object]) -> tuple[float | None, TrainedPart | None, bool | None]:
    """Minutes, parts, and whether a better checkpoint is activated. Raises MalformedRequest naming the field."""
    minutes, what, activates = (document.get(name) for name in ("minutes", "what", "activate_if_better"))
    if minutes is not None and (not isinstance(minutes, int | float) or isinstance(minutes, bool)):
        raise MalformedRequest("minutes must be a number")
    if what is not None and what not in list(TrainedPart):
        raise MalformedRequest(f"what must be one of {', '.join(TrainedPart)}")
    if activates is not None and not isinstance(activates, bool):
        raise MalformedRequest("activate_if_better must be true or false")
    parts = None if what is None else TrainedPart(str(what))
    return None if minutes is None else float(minutes), parts, activates


def _form(training: Training, parts: WebTrainings, active: str) -> forms.Json:
    request, result = training.request, training.result
    checkpoint = "" if result is None else result.checkpoint
    figures = training.progress.figures
    address = f"{PREFIX}/projects/{request.project_id}/trainings/{training.name}/report"
    return {
        "name": training.name,
        "state": training.state.value,
        "user": request.user,
        "base": training.base or request.base,
        "minutes": request.minutes,
        "what": request.parts.value,
        "share": training.progress.share,
        "phase": training.progress.phase,
        "figures": {name: value if math.isfinite(value) else None for name, value in figures.items()},
        "is_ending": training.is_cancelled and not training.state.is_final,
        "gain": _gain(training),
        "is_better": result is not None and result.better,
        "reason": training.reason if result is None else result.reason,
        "note": training.note,
        "checkpoint": checkpoint,
        "is_here": bool(checkpoint) and parts.is_here(checkpoint),
        "is_active": bool(checkpoint) and checkpoint == active,
        "videos": len(training.labels.videos),
        "frames": training.labels.frames,
        "people": list(training.labels.people),
        "left_out": [
            {"task": each.task, "name": each.name, "reason": each.reason}
            for each in training.labels.left_out[:MOST_LEFT_OUT]
        ],
        "report": address if training.state is TrainingState.DONE else "",
    }


def _gain(training: Training) -> forms.Json | None:
    if training.result is None:
        return None
    figures = result_document(training.result)
    return {
        "mean": figures["gain"],
        "low": figures["gain_low"],
        "high": figures["gain_high"],
        "before": figures["before"],
        "after": figures["after"],
    }
