"""Routes of exports: start, list, download, remove."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.requests import Request

from backend.adapters.labelstudio.reading.fields import as_text
from backend.domain.datasets import AnnotatorChoice, FormatName, LabelsFrom
from backend.domain.errors import MalformedRequest, ServiceUnavailable
from backend.domain.verdicts import VerdictChoice
from backend.interfaces.http.app_state import json_reply
from backend.interfaces.http.lead import forms
from backend.interfaces.http.lead.bodies import LeadExportBody
from backend.interfaces.http.lead.export_orders import ExportOrder, ExportRun
from backend.interfaces.http.lead.export_runs import ExportRuns
from backend.interfaces.http.lead.lead import PREFIX, PROJECT, Lead
from backend.interfaces.http.lead.schemas import ExportForm, Exports
from backend.interfaces.http.player.documentation import described, described_as


class ExportRoutes:
    """Exports of a project."""

    def __init__(self, lead: Lead) -> None:
        self._lead = lead

    def add_to(self, router: APIRouter) -> None:
        one = PROJECT + "/exports/{name}"
        started = described("Exports tasks of a project", ExportForm, status=202, body=LeadExportBody)
        router.add_api_route(PROJECT + "/exports", self.start, methods=["POST"], **started)
        listed = described("Lists the exports of a project", Exports, changes=False)
        router.add_api_route(PROJECT + "/exports", self.exports, methods=["GET"], **listed)
        removed = described("Removes an export, or ends it", Exports)
        router.add_api_route(one, self.remove, methods=["DELETE"], **removed)
        archive = described_as("Downloads an export", "application/zip", "The files of the format.")
        router.add_api_route(one + "/archive", self.download, methods=["GET"], response_class=Response, **archive)

    async def start(self, request: Request, project: int) -> JSONResponse:
        def started(document: dict[str, object]) -> JSONResponse:
            self._lead.require_project(request, project)
            return json_reply(_form(self._runs.start(_order_of(document, project))), 202)

        return await self._lead.state.answer(request, started)

    async def exports(self, request: Request, project: int) -> Response:
        def listed() -> JSONResponse:
            self._lead.require_project(request, project)
            return self._list(project)

        return await self._lead.read(listed)

    async def remove(self, request: Request, project: int, name: str) -> Response:
        def removed() -> JSONResponse:
            self._lead.require_project(request, project)
            self._runs.remove(project, name)
            return self._list(project)

        return await self._lead.read(removed)

    async def download(self, request: Request, project: int, name: str) -> Response:
        def found() -> Response:
            self._lead.require_project(request, project)
            run = self._runs.read(project, name)
            if run.state != "done":
                raise MalformedRequest(f"export {name} is {run.state}")
            filename = f"project-{project}-{run.order.format_name}-{name}.zip"
            if run.archive is None:
                headers = {
                    "content-length": str(run.size),
                    "content-disposition": f'attachment; filename="{filename}"',
                }
                return StreamingResponse(self._runs.content(run), media_type="application/zip", headers=headers)
            return FileResponse(run.archive, media_type="application/zip", filename=filename)

        return await self._lead.read(found)

    @property
    def _runs(self) -> ExportRuns:
        if self._lead.exports is None:
            raise ServiceUnavailable("this process makes no exports")
        return self._lead.exports

    def _list(self, project: int) -> JSONResponse:
        runs = () if self._lead.exports is None else self._lead.exports.all(project)
        return json_reply({"exports": list(map(_form, runs)), "formats": [each.value for each in FormatName]})


def _order_of(document: dict[str, object], project_id: int) -> ExportOrder:
    """Raises MalformedRequest or InvalidInput naming the field and its choices."""
    given = document.get("tasks")
    tasks = () if given is None else forms.tasks_of(document, project_id, forms.MOST_TASKS)
    return ExportOrder(
        project_id,
        tuple(task.task_id for task in tasks),
        _choice(document, "format", [each.value for each in FormatName]),
        str(VerdictChoice.parse(as_text(document.get("verdict") or "all", "verdict"))),
        _choice(document, "labels", [each.value for each in LabelsFrom], LabelsFrom.ANNOTATIONS.value),
        str(AnnotatorChoice.parse(as_text(document.get("annotator") or "newest", "annotator"))),
    )


def _choice(document: dict[str, object], field: str, choices: list[str], default: str = "") -> str:
    value = document.get(field) or default
    if value not in choices:
        raise MalformedRequest(f"{field} must be one of {', '.join(choices)}")
    return str(value)


def _form(run: ExportRun) -> forms.Json:
    address = f"{PREFIX}/projects/{run.order.project_id}/exports/{run.name}/archive"
    return {
        "id": run.name,
        "state": run.state,
        "format": run.order.format_name,
        "tasks": len(run.order.tasks),
        "detail": run.detail,
        "command": run.order.command,
        "address": address if run.state == "done" else "",
        "bytes": run.size,
    }
