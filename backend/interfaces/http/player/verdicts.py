"""Routes of verdicts on objects and on whole tasks."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.requests import Request

from backend.application.player.task_view import OpenedTask
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.interfaces.http.app_state import json_reply
from backend.interfaces.http.player import forms
from backend.interfaces.http.player.player import TASK, Player


class VerdictRoutes:
    """Gives verdicts and takes them back."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def add_to(self, router: APIRouter) -> None:
        router.add_api_route(TASK + "/verdicts", self.put, methods=["PUT"])
        router.add_api_route(TASK + "/verdicts", self.delete, methods=["DELETE"])
        router.add_api_route(TASK + "/verdicts/{object_id:path}", self.put_object, methods=["PUT"])
        router.add_api_route(TASK + "/verdicts/{object_id:path}", self.delete_object, methods=["DELETE"])

    async def put(self, request: Request, project: int, task: int) -> JSONResponse:
        return await self._give(request, TaskKey(project, task), None)

    async def put_object(self, request: Request, project: int, task: int, object_id: str) -> JSONResponse:
        return await self._give(request, TaskKey(project, task), forms.object_of(object_id))

    async def delete(self, request: Request, project: int, task: int) -> JSONResponse:
        return await self._take_back(request, TaskKey(project, task), None)

    async def delete_object(self, request: Request, project: int, task: int, object_id: str) -> JSONResponse:
        return await self._take_back(request, TaskKey(project, task), forms.object_of(object_id))

    async def _give(self, request: Request, key: TaskKey, object_id: ObjectId | None) -> JSONResponse:
        def given(document: dict[str, object]) -> JSONResponse:
            verdict, comment = forms.verdict_of(document)
            opened = self._player.opened(request, key)
            return json_reply(forms.verdicts_form(self._player.verdicts(opened).give(object_id, verdict, comment)))

        return await self._player.state.answer(request, given)

    async def _take_back(self, request: Request, key: TaskKey, object_id: ObjectId | None) -> JSONResponse:
        def taken_back(opened: OpenedTask) -> JSONResponse:
            return json_reply(forms.verdicts_form(self._player.verdicts(opened).take_back(object_id)))

        return await self._player.read(request, key, taken_back)
