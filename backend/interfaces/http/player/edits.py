"""Routes that change prompts, and those that prepare a click."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.requests import Request

from backend.adapters.labelstudio.reading.fields import as_text
from backend.application.player.prompt_edits import EditResult, PromptEdits
from backend.application.ports.requests.prewarm import MAX_WINDOW, PrewarmRequest
from backend.domain.prompts import FramePrompt
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex
from backend.interfaces.http.app_state import json_reply
from backend.interfaces.http.player import forms
from backend.interfaces.http.player.bodies import ApprovalBody, DetectionBody, HoverBody, LabelBody, PromptBody
from backend.interfaces.http.player.documentation import described
from backend.interfaces.http.player.hover_turns import HoverTurns
from backend.interfaces.http.player.player import TASK, Player
from backend.interfaces.http.player.schemas import EditAnswer, Found, Frames, Hovered

HOVER_DEADLINE_S = 2.0
"""A later answer is of no use: the mouse has moved on."""

DETECTION_DEADLINE_S = 55.0
"""Less than the minute after which proxies give up. The first search loads the detector; one takes seconds on a CPU."""

MOST_PREWARMED = 2 * MAX_WINDOW + 1


class EditRoutes:
    """Prompts, objects, approvals, hovers, detections and prewarming."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self._hover_turns = HoverTurns()

    def add_to(self, router: APIRouter) -> None:
        prompt = TASK + "/prompts/{frame}/{object_id:path}"
        an_object = TASK + "/objects/{object_id:path}"
        placed = described("Replaces the prompt of an object on a frame", EditAnswer, body=PromptBody)
        router.add_api_route(prompt, self.put_prompt, methods=["PUT"], **placed)
        deleted = described("Deletes the prompt of an object on a frame", EditAnswer)
        router.add_api_route(prompt, self.delete_prompt, methods=["DELETE"], **deleted)
        all_gone = described("Forgets all objects", EditAnswer)
        router.add_api_route(TASK + "/objects", self.forget_all, methods=["DELETE"], **all_gone)
        gone = described("Forgets an object", EditAnswer)
        router.add_api_route(an_object, self.forget, methods=["DELETE"], **gone)
        renamed = described("Gives an object another label", EditAnswer, body=LabelBody)
        router.add_api_route(an_object, self.rename, methods=["PATCH"], **renamed)
        approved = described("Makes masks human frames", EditAnswer, body=ApprovalBody)
        router.add_api_route(TASK + "/approvals", self.approve, methods=["PUT"], **approved)
        hovered = described("Shows the mask that a click would give", Hovered, body=HoverBody)
        router.add_api_route(TASK + "/hover", self.hover, methods=["POST"], **hovered)
        found = described("Finds the objects on a frame that a text describes", Found, body=DetectionBody)
        router.add_api_route(TASK + "/detections", self.detect, methods=["POST"], **found)
        prewarmed = described("Encodes frames before a click", Frames, status=202, body=Frames)
        router.add_api_route(TASK + "/prewarm", self.prewarm, methods=["POST"], **prewarmed)

    async def put_prompt(self, request: Request, project: int, task: int, frame: int, object_id: str) -> JSONResponse:
        def put(edits: PromptEdits, document: dict[str, object]) -> EditResult:
            wanted = forms.object_of(object_id)
            prompt = forms.prompt_of(document, wanted, FrameIndex(frame), edits.opened)
            label = forms.label_of(document, wanted, edits.opened)
            return edits.put(prompt, label, deadline_s=self._player.deadline_s)

        return await self._player.edit(request, TaskKey(project, task), put)

    async def delete_prompt(
        self, request: Request, project: int, task: int, frame: int, object_id: str
    ) -> JSONResponse:
        def deleted(edits: PromptEdits, _: dict[str, object]) -> EditResult:
            return edits.delete(forms.object_of(object_id), FrameIndex(frame), deadline_s=self._player.deadline_s)

        return await self._player.edit(request, TaskKey(project, task), deleted, has_body=False)

    async def forget(self, request: Request, project: int, task: int, object_id: str) -> JSONResponse:
        return await self._player.edit(
            request, TaskKey(project, task), lambda edits, _: edits.forget(forms.object_of(object_id)), has_body=False
        )

    async def forget_all(self, request: Request, project: int, task: int) -> JSONResponse:
        return await self._player.edit(
            request, TaskKey(project, task), lambda edits, _: edits.forget(None), has_body=False
        )

    async def rename(self, request: Request, project: int, task: int, object_id: str) -> JSONResponse:
        def renamed(edits: PromptEdits, document: dict[str, object]) -> EditResult:
            return edits.rename(forms.object_of(object_id), as_text(document.get("label"), "label"))

        return await self._player.edit(request, TaskKey(project, task), renamed)

    async def approve(self, request: Request, project: int, task: int) -> JSONResponse:
        def approved(edits: PromptEdits, document: dict[str, object]) -> EditResult:
            given = document.get("object")
            wanted = forms.frame_range_of(document.get("start"), document.get("stop"))
            return edits.approve(None if given is None else forms.object_of(given), wanted)

        return await self._player.edit(request, TaskKey(project, task), approved)

    async def hover(self, request: Request, project: int, task: int) -> JSONResponse:
        def hovered(document: dict[str, object]) -> JSONResponse:
            opened = self._player.opened(request, TaskKey(project, task))
            frame = forms.frame_of(document.get("frame"), "frame")
            point = forms.point_of(document.get("point"), "point")
            click = FramePrompt(forms.object_of(document.get("object")), frame, (point,))
            person = (opened.user_task.task, opened.user_task.user)
            shown = replace(opened, user_task=self._player.start.view_of(opened.user_task))
            with self._hover_turns.turn(person, longest_s=HOVER_DEADLINE_S):
                mask = self._player.hovers(shown).mask(click, deadline_s=HOVER_DEADLINE_S)
            return json_reply({"masks": [forms.mask_form(mask)]})

        return await self._player.state.answer(request, hovered, waits=True)

    async def detect(self, request: Request, project: int, task: int) -> JSONResponse:
        def detected(document: dict[str, object]) -> JSONResponse:
            opened = self._player.opened(request, TaskKey(project, task))
            frame = forms.frame_of(document.get("frame"), "frame")
            text = as_text(document.get("text"), "text")
            shown = replace(opened, user_task=self._player.start.view_of(opened.user_task))
            found = self._player.detections(shown).on(frame, text, deadline_s=DETECTION_DEADLINE_S)
            return json_reply(forms.found_form(found))

        return await self._player.state.answer(request, detected, waits=True)

    async def prewarm(self, request: Request, project: int, task: int) -> JSONResponse:
        def requested(document: dict[str, object]) -> JSONResponse:
            opened = self._player.opened(request, TaskKey(project, task))
            frames = [frame for frame in forms.frames_of(document, MOST_PREWARMED) if frame < opened.info.frame_count]
            if frames:
                wanted = PrewarmRequest(opened.user_task.media, tuple(frames), task=opened.user_task.task)
                self._player.state.parts.prewarm_channel.request(wanted)
            return json_reply({"frames": frames}, 202)

        return await self._player.state.answer(request, requested)
