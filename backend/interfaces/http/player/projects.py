"""Routes of projects: the tasks with their states, and a summary. For people who script the work."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.requests import Request

from backend.adapters.labelstudio.api.user_access import TaskPage
from backend.adapters.labelstudio.reading.fields import as_whole
from backend.application.player.project_view import ProjectView
from backend.interfaces.http.app_state import json_reply
from backend.interfaces.http.player import forms
from backend.interfaces.http.player.documentation import described
from backend.interfaces.http.player.player import Player
from backend.interfaces.http.player.schemas import Summary, TaskList

PROJECT = "/projects/{project}"
MOST_TASKS = 100
"""The most tasks on a page."""


class ProjectRoutes:
    """Lists tasks and counts what was done."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def add_to(self, router: APIRouter) -> None:
        listed = described("Lists the tasks of a project with their states", TaskList, changes=False)
        router.add_api_route(PROJECT + "/tasks", self.tasks, methods=["GET"], **listed)
        summed = described("Counts what the caller did in a project", Summary, changes=False)
        router.add_api_route(PROJECT + "/summary", self.summary, methods=["GET"], **summed)

    async def tasks(self, request: Request, project: int, page: int = 1, page_size: int = MOST_TASKS) -> JSONResponse:
        def listed() -> JSONResponse:
            as_whole(page, "page", least=1, most=forms.MAX_FRAME)
            as_whole(page_size, "page_size", least=1, most=MOST_TASKS)
            found, view = self._seen(request, project, page, page_size)
            return json_reply({"tasks": forms.progress_forms(view.tasks(found.tasks)), "total": found.total})

        return await self._player.state.quickly(listed)

    async def summary(self, request: Request, project: int) -> JSONResponse:
        def summed() -> JSONResponse:
            found, view = self._seen(request, project, 1, 1)
            return json_reply(forms.summary_form(view.summary(), found.total))

        return await self._player.state.quickly(summed)

    def _seen(self, request: Request, project: int, page: int, page_size: int) -> tuple[TaskPage, ProjectView]:
        """The tasks that Label Studio shows to the person of a request. Raises SignInNeeded, NotAllowed."""
        caller = self._player.sessions.caller(request.cookies)
        found = self._player.require_access().tasks(caller.credential, project, page=page, page_size=page_size)
        return found, ProjectView(self._player.state.parts.ledger, project, caller.user)
