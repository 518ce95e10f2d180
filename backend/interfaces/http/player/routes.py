"""The player's API: tasks, prompts, masks, propagations. The page and scripts use the same calls."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.requests import Request

from backend.adapters.labelstudio.reading.fields import as_text
from backend.application.player.current_masks import CurrentMasks
from backend.application.player.prompt_edits import EditResult, PromptEdits
from backend.application.player.propagation import Propagations
from backend.application.player.runs import UserRuns
from backend.application.player.task_view import OpenedTask
from backend.application.player.user_record import UserRecords
from backend.application.worker.shot_cuts import known_cuts
from backend.domain.errors import ServiceUnavailable
from backend.domain.tasks import TaskKey
from backend.interfaces.http import health
from backend.interfaces.http.app_state import NO_MODEL, AppState, json_reply
from backend.interfaces.http.player import forms
from backend.interfaces.http.player.events import HEADERS, STREAMS, EventStream
from backend.interfaces.http.player.page import install_page
from backend.interfaces.http.player.problems import PlayerRoute
from backend.interfaces.http.player.sessions import COOKIE, SESSION_S, Caller, PlayerSessions
from backend.interfaces.http.player.tasks import Opening, PlayerTasks

PREFIX = "/api/player"
TASK = "/tasks/{project}/{task}"

PICTURES_KEPT = "private, max-age=3600, immutable"
"""An address names a frame of a task whose media may be replaced: browsers keep a picture for an hour."""

Work = Callable[[OpenedTask], JSONResponse]
Edit = Callable[[PromptEdits, dict[str, object]], EditResult]


def install_player(app: FastAPI, state: AppState) -> None:
    """Adds the page and the API to an app."""
    player = state.parts.player
    install_page(app, label_studio_url="" if player is None else player.label_studio_url)
    app.include_router(PlayerRoutes(state).router)


class PlayerRoutes:
    """The handlers, one method a route."""

    def __init__(self, state: AppState) -> None:
        parts = state.parts
        access, key = (
            (None, secrets.token_bytes(32)) if parts.player is None else (parts.player.access, parts.player.key)
        )
        self._state = state
        self._find = None if access is None else access.find_task
        self._sessions = PlayerSessions(access, key, parts.clock)
        self._tasks = PlayerTasks(state)
        self._streams = CapacityLimiter(STREAMS)
        self._masks = CurrentMasks(
            parts.annotation_service, UserRecords(parts.key_values), UserRuns(parts.ledger), parts.codec
        )

    @property
    def router(self) -> APIRouter:
        router = APIRouter(prefix=PREFIX, route_class=PlayerRoute)
        router.add_api_route("/session", self.sign_in, methods=["POST"])
        router.add_api_route("/tasks", self.find_task, methods=["GET"])
        router.add_api_route(TASK, self.task, methods=["GET"])
        router.add_api_route(TASK + "/frames/{frame}", self.picture, methods=["GET"], response_class=Response)
        router.add_api_route(TASK + "/masks", self.masks, methods=["GET"])
        prompt = TASK + "/prompts/{frame}/{object_id:path}"
        router.add_api_route(prompt, self.put_prompt, methods=["PUT"])
        router.add_api_route(prompt, self.delete_prompt, methods=["DELETE"])
        router.add_api_route(TASK + "/objects", self.forget_all, methods=["DELETE"])
        router.add_api_route(TASK + "/objects/{object_id:path}", self.forget, methods=["DELETE"])
        router.add_api_route(TASK + "/objects/{object_id:path}", self.rename, methods=["PATCH"])
        router.add_api_route(TASK + "/approvals", self.approve, methods=["PUT"])
        router.add_api_route(TASK + "/propagations", self.propagate, methods=["POST"])
        router.add_api_route(TASK + "/propagations/{job_id}/stop", self.stop, methods=["POST"])
        router.add_api_route(TASK + "/events", self.events, methods=["GET"], response_class=StreamingResponse)
        return router

    async def sign_in(self, request: Request) -> JSONResponse:
        def signed_in(document: dict[str, object]) -> JSONResponse:
            caller, cookie = self._sessions.sign_in(request.cookies, as_text(document.get("token") or "", "token"))
            reply = json_reply({"user": caller.user, "name": caller.name})
            is_secure = request.url.scheme == "https"
            reply.set_cookie(
                COOKIE, cookie, max_age=SESSION_S, path=PREFIX, httponly=True, samesite="lax", secure=is_secure
            )
            return reply

        return await self._state.answer(request, signed_in)

    async def find_task(self, request: Request, project: int, field: str, value: str) -> JSONResponse:
        def found() -> JSONResponse:
            caller = self._sessions.caller(request.cookies)
            if self._find is None:
                raise ServiceUnavailable("no Label Studio is set; put its address in LABEL_STUDIO_URL")
            key = self._find(project, field, value)
            self._sessions.require_task(caller, key)
            return json_reply({"project": key.project_id, "task": key.task_id})

        return await self._state.quickly(found)

    async def task(self, request: Request, project: int, task: int) -> JSONResponse:
        def shown() -> JSONResponse:
            key = TaskKey(project, task)
            caller = self._caller(request, key)
            if self._state.parts.models.announced() is None:
                return _opening(NO_MODEL)
            try:
                opened = self._tasks.open(key, caller.user, wait_s=0.0)
            except Opening as error:
                return _opening(str(error))
            return json_reply(self._task_form(opened))

        return await self._state.quickly(shown)

    async def picture(self, request: Request, project: int, task: int, frame: int) -> Response:
        def shown() -> Response:
            opened = self._opened(request, TaskKey(project, task))
            media = self._state.parts.media
            if media is None:
                raise ServiceUnavailable("this process serves no pictures")
            served = media.picture(opened.user_task.media, opened.info, opened.info.require_frame(frame))
            headers = {"ETag": f'"{served.tag}"', "Cache-Control": PICTURES_KEPT}
            if headers["ETag"] in request.headers.get("if-none-match", ""):
                return Response(status_code=304, headers=headers)
            return Response(served.body, headers=headers, media_type=served.media_type)

        return await self._state.looked_up(shown)

    async def masks(self, request: Request, project: int, task: int, start: int, stop: int) -> JSONResponse:
        def shown(opened: OpenedTask) -> JSONResponse:
            wanted = forms.frame_range_of(start, min(stop, opened.info.frame_count))
            masks = self._masks.on(opened.user_task, wanted)
            return json_reply({"masks": forms.mask_forms(masks), "revision": self._revision(opened)})

        return await self._read(request, TaskKey(project, task), shown)

    # prompts

    async def put_prompt(self, request: Request, project: int, task: int, frame: int, object_id: str) -> JSONResponse:
        def put(edits: PromptEdits, document: dict[str, object]) -> EditResult:
            wanted = forms.object_of(object_id)
            prompt = forms.prompt_of(document, wanted, edits.opened.info.require_frame(frame), edits.opened)
            label = forms.label_of(document, wanted, edits.opened)
            return edits.put(prompt, label, deadline_s=self._deadline_s)

        return await self._edit(request, TaskKey(project, task), put)

    async def delete_prompt(
        self, request: Request, project: int, task: int, frame: int, object_id: str
    ) -> JSONResponse:
        def deleted(edits: PromptEdits, _: dict[str, object]) -> EditResult:
            index = edits.opened.info.require_frame(frame)
            return edits.delete(forms.object_of(object_id), index, deadline_s=self._deadline_s)

        return await self._edit(request, TaskKey(project, task), deleted, has_body=False)

    async def forget(self, request: Request, project: int, task: int, object_id: str) -> JSONResponse:
        return await self._edit(
            request, TaskKey(project, task), lambda edits, _: edits.forget(forms.object_of(object_id)), has_body=False
        )

    async def forget_all(self, request: Request, project: int, task: int) -> JSONResponse:
        return await self._edit(request, TaskKey(project, task), lambda edits, _: edits.forget(None), has_body=False)

    async def rename(self, request: Request, project: int, task: int, object_id: str) -> JSONResponse:
        def renamed(edits: PromptEdits, document: dict[str, object]) -> EditResult:
            return edits.rename(forms.object_of(object_id), as_text(document.get("label"), "label"))

        return await self._edit(request, TaskKey(project, task), renamed)

    async def approve(self, request: Request, project: int, task: int) -> JSONResponse:
        def approved(edits: PromptEdits, document: dict[str, object]) -> EditResult:
            given = document.get("object")
            wanted = forms.frame_range_of(document.get("start"), document.get("stop"))
            return edits.approve(None if given is None else forms.object_of(given), wanted)

        return await self._edit(request, TaskKey(project, task), approved)

    # propagations

    async def propagate(self, request: Request, project: int, task: int) -> JSONResponse:
        def started(document: dict[str, object]) -> JSONResponse:
            opened = self._opened(request, TaskKey(project, task))
            run = self._propagations(opened).start(opened, forms.wish_of(document))
            return json_reply(forms.job_form(run, opened.info.frame_count), 202)

        return await self._state.answer(request, started)

    async def stop(self, request: Request, project: int, task: int, job_id: str) -> JSONResponse:
        def stopped(opened: OpenedTask) -> JSONResponse:
            run = self._propagations(opened).stop(job_id)
            return json_reply(forms.job_form(run, opened.info.frame_count))

        return await self._read(request, TaskKey(project, task), stopped)

    async def events(self, request: Request, project: int, task: int, cursor: str = "") -> Response:
        opened = await anyio.to_thread.run_sync(self._opened, request, TaskKey(project, task), limiter=self._streams)
        read = self._propagations(opened).read
        stream = EventStream(read, self._streams, self._state.parts.clock.monotonic_s, opened.info.frame_count)
        start = request.headers.get("last-event-id") or cursor
        return StreamingResponse(stream.events(start), media_type="text/event-stream", headers=HEADERS)

    # what the handlers share

    @property
    def _deadline_s(self) -> float:
        return self._state.parts.settings.reply_deadline_s

    def _caller(self, request: Request, key: TaskKey) -> Caller:
        caller = self._sessions.caller(request.cookies)
        self._sessions.require_task(caller, key)
        return caller

    def _opened(self, request: Request, key: TaskKey) -> OpenedTask:
        return self._tasks.open(key, self._caller(request, key).user)

    async def _read(self, request: Request, key: TaskKey, work: Work) -> JSONResponse:
        return await self._state.quickly(lambda: work(self._opened(request, key)))

    async def _edit(self, request: Request, key: TaskKey, edit: Edit, *, has_body: bool = True) -> JSONResponse:
        def edited(document: dict[str, object]) -> JSONResponse:
            opened = self._opened(request, key)
            return json_reply(forms.edit_form(edit(PromptEdits(self._masks, opened), document), opened))

        if has_body:
            return await self._state.answer(request, edited, waits=True)
        return await self._state.waiting(lambda: edited({}))

    def _propagations(self, opened: OpenedTask) -> Propagations:
        return Propagations(self._masks, opened.user_task)

    def _revision(self, opened: OpenedTask) -> int:
        return self._masks.records.read(opened.user_task.task, opened.user_task.user).revision

    def _task_form(self, opened: OpenedTask) -> dict[str, object]:
        parts, info, user_task = self._state.parts, opened.info, opened.user_task
        prompts = parts.ledger.prompts(user_task.task, user=user_task.user)
        run = self._propagations(opened).newest()
        model = parts.models.announced()
        is_demo = model is not None and model.is_demo
        return {
            "project": user_task.task.project_id,
            "task": user_task.task.task_id,
            "user": user_task.user,
            "video": {
                "frame_count": info.frame_count,
                "width": info.size.width,
                "height": info.size.height,
                "frame_rate": float(info.frame_rate),
                "times_s": list(info.times.seconds()) if info.variable_rate and info.times is not None else None,
                "is_pages": user_task.media.is_pages,
            },
            "labels": [{"name": label.name, "color": label.color} for label in opened.labels],
            "objects": forms.object_forms(prompts, opened),
            "prompts": forms.prompt_forms(prompts),
            "propagation": None if run is None else forms.job_form(run, info.frame_count),
            "model": {
                "version": user_task.model_version,
                "is_demo": is_demo,
                "notice": health.DEMO_NOTICE if is_demo else "",
            },
            "cuts": list(known_cuts(parts.key_values, info.content_hash)),
            "revision": self._revision(opened),
        }


def _opening(detail: str) -> JSONResponse:
    return json_reply({"status": "opening", "detail": detail}, 202)
