"""Routes by which a lead acts on many tasks: verdicts, ordered propagations."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from starlette.requests import Request

from backend.application.crowd.lead.judgement import LeadVerdicts
from backend.application.crowd.lead.project_table import needing_masks
from backend.interfaces.http.app_state import json_reply
from backend.interfaces.http.lead import forms
from backend.interfaces.http.lead.bodies import LeadVerdictBody, OrderBody
from backend.interfaces.http.lead.lead import PROJECT, Lead
from backend.interfaces.http.lead.schemas import JudgedTasks, OrderProgress
from backend.interfaces.http.player.documentation import described
from backend.interfaces.http.player.forms import MAX_COMMENT_CHARS

JUDGED_AT_ONCE = 100
"""A verdict reads the masks of its task."""


class WorkRoutes:
    """Gives verdicts; orders, follows and cancels propagations."""

    def __init__(self, lead: Lead) -> None:
        self._lead = lead

    def add_to(self, router: APIRouter) -> None:
        judged = described("Gives or takes back the lead's verdict on whole tasks", JudgedTasks, body=LeadVerdictBody)
        router.add_api_route(PROJECT + "/verdicts", self.judge, methods=["POST"], **judged)
        ordered = described("Orders propagations of prompts without masks", OrderProgress, status=202, body=OrderBody)
        router.add_api_route(PROJECT + "/orders", self.order, methods=["POST"], **ordered)
        progress = described("Shows how far the ordered propagations are", OrderProgress, changes=False)
        router.add_api_route(PROJECT + "/orders", self.progress, methods=["GET"], **progress)
        cancelled = described("Cancels the ordered propagations that are not done", OrderProgress)
        router.add_api_route(PROJECT + "/orders", self.cancel, methods=["DELETE"], **cancelled)

    async def judge(self, request: Request, project: int) -> JSONResponse:
        def judged(document: dict[str, object]) -> JSONResponse:
            caller = self._lead.require_project(request, project)
            verdict, comment = forms.verdict_of(document, MAX_COMMENT_CHARS)
            tasks = forms.tasks_of(document, project, JUDGED_AT_ONCE)
            verdicts = LeadVerdicts(self._lead.state.parts.ledger, self._lead.state.timelines, caller.user)
            given = verdicts.take_back(tasks) if verdict is None else verdicts.give(tasks, verdict, comment)
            return json_reply(forms.judged_form(given))

        return await self._lead.state.answer(request, judged, waits=True)

    async def order(self, request: Request, project: int) -> JSONResponse:
        def ordered(document: dict[str, object]) -> JSONResponse:
            opened = self._lead.opened(request, project)
            wanted = needing_masks(opened.tasks)
            if document.get("tasks") is not None:
                chosen = set(forms.tasks_of(document, project, forms.MOST_TASKS))
                wanted = tuple(each for each in wanted if each[0] in chosen)
            self._lead.processing.place(project, wanted)
            return json_reply(forms.progress_form(self._lead.processing.progress(project)), 202)

        return await self._lead.state.answer(request, ordered)

    async def progress(self, request: Request, project: int) -> Response:
        def shown() -> JSONResponse:
            self._lead.require_project(request, project)
            return json_reply(forms.progress_form(self._lead.processing.progress(project)))

        return await self._lead.read(shown)

    async def cancel(self, request: Request, project: int) -> Response:
        def cancelled() -> JSONResponse:
            self._lead.require_project(request, project)
            return json_reply(forms.progress_form(self._lead.processing.cancel(project)))

        return await self._lead.read(cancelled)
