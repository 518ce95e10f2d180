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
from backend.interfaces.http.player.bodies import VerdictBody
from backend.interfaces.http.player.documentation import described
from backend.interfaces.http.player.player import TASK, Player
from backend.interfaces.http.player.schemas import Verdicts


class VerdictRoutes:
    """Gives verdicts and takes them back."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def add_to(self, router: APIRouter) -> None:
        of_task, of_object = TASK + "/verdicts", TASK + "/verdicts/{object_id:path}"
        given = described("Gives a verdict on the whole task", Verdicts, body=VerdictBody)
        router.add_api_route(of_task, self.put, methods=["PUT"], **given)
        taken_back = described("Takes back the verdict on the whole task", Verdicts)
        router.add_api_route(of_task, self.delete, methods=["DELETE"], **taken_back)
        given = described("Gives a verdict on an object's masks", Verdicts, body=VerdictBody)
        router.add_api_route(of_object, self.put_object, methods=["PUT"], **given)
        taken_back = described("Takes back the verdict on an object's masks", Verdicts)
        router.add_api_route(of_object, self.delete_object, methods=["DELETE"], **taken_back)

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
