"""Beats of activity: a person works on a task, in a visible tab. Cheap, and may be lost."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.requests import Request

from backend.domain.tasks import TaskKey
from backend.interfaces.http.app_state import json_reply
from backend.interfaces.http.player import forms
from backend.interfaces.http.player.bodies import BeatBody
from backend.interfaces.http.player.documentation import described
from backend.interfaces.http.player.player import TASK, Player
from backend.interfaces.http.player.schemas import Beat


class ActivityRoutes:
    """Records beats; with MASKLET_EFFORT=false, nothing."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def add_to(self, router: APIRouter) -> None:
        taken = described("Says that the caller works on a task", Beat, body=BeatBody)
        router.add_api_route(TASK + "/activity", self.beat, methods=["POST"], **taken)

    async def beat(self, request: Request, project: int, task: int) -> JSONResponse:
        parts = self._player.state.parts

        def taken(document: dict[str, object]) -> JSONResponse:
            key = TaskKey(project, task)
            caller = self._player.caller(request, key)
            selected = document.get("object")
            object_id = None if selected in (None, "") else forms.object_of(selected)
            if parts.settings.effort:
                parts.ledger.record_beat(key, object_id, user=caller.user)
            return json_reply({"is_recorded": parts.settings.effort})

        return await self._player.state.answer(request, taken)
