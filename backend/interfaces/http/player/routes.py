"""The player's API: sign-in, tasks, pictures, masks. The page and scripts use the same calls."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, Response
from starlette.requests import Request

from backend.adapters.labelstudio.reading.fields import as_text
from backend.application.player.task_view import OpenedTask
from backend.application.worker.shot_cuts import known_cuts
from backend.domain.errors import ServiceUnavailable
from backend.domain.jobs import DEMO_NOTICE
from backend.domain.tasks import TaskKey
from backend.interfaces.http.app_state import NO_MODEL, AppState, json_reply
from backend.interfaces.http.player import forms
from backend.interfaces.http.player.activity import ActivityRoutes
from backend.interfaces.http.player.bodies import SessionBody
from backend.interfaces.http.player.documentation import described, described_as, document_schemas
from backend.interfaces.http.player.edits import EditRoutes
from backend.interfaces.http.player.page import install_page
from backend.interfaces.http.player.player import PREFIX, TASK, Player
from backend.interfaces.http.player.problems import PlayerRoute
from backend.interfaces.http.player.projects import ProjectRoutes
from backend.interfaces.http.player.propagations import PropagationRoutes
from backend.interfaces.http.player.schemas import Masks, Person, Task, TaskAddress, Timeline, Users
from backend.interfaces.http.player.sessions import COOKIE, SESSION_S
from backend.interfaces.http.player.tasks import FRESH_S, Opening
from backend.interfaces.http.player.verdicts import VerdictRoutes

PICTURES_KEPT = "private, max-age=3600, immutable"
"""An address names a frame of a task whose media may be replaced: browsers keep a picture for an hour."""


def install_player(app: FastAPI, state: AppState) -> None:
    """Adds the page and the API to an app."""
    parts = state.parts.player
    install_page(app, label_studio_url="" if parts is None else parts.label_studio_url)
    router, player = APIRouter(prefix=PREFIX, route_class=PlayerRoute), Player(state)
    for routes in (
        TaskRoutes(player),
        EditRoutes(player),
        PropagationRoutes(player),
        VerdictRoutes(player),
        ProjectRoutes(player),
        ActivityRoutes(player),
    ):
        routes.add_to(router)
    app.include_router(router)
    document_schemas(app)


class TaskRoutes:
    """Sign-in, and what is shown of a task."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def add_to(self, router: APIRouter) -> None:
        signed_in = described("Signs a person in by a cookie", Person, body=SessionBody)
        router.add_api_route("/session", self.sign_in, methods=["POST"], **signed_in)
        found = described("Finds a task by its data", TaskAddress, changes=False)
        router.add_api_route("/tasks", self.find_task, methods=["GET"], **found)
        opened = described("Opens a task", Task, changes=False, may_be_opening=True)
        router.add_api_route(TASK, self.task, methods=["GET"], **opened)
        picture = described_as("Shows a frame as the engine sees it", "image/jpeg", "The frame.")
        router.add_api_route(
            TASK + "/frames/{frame}", self.picture, methods=["GET"], response_class=Response, **picture
        )
        masks = described("Shows the masks on a range of frames", Masks, changes=False)
        router.add_api_route(TASK + "/masks", self.masks, methods=["GET"], **masks)
        users = described("Lists who has prompts on a task", Users, changes=False)
        router.add_api_route(TASK + "/users", self.users, methods=["GET"], **users)
        timeline = described("Shows where each object is present, human or uncertain", Timeline, changes=False)
        router.add_api_route(TASK + "/timeline", self.timeline, methods=["GET"], **timeline)

    async def sign_in(self, request: Request) -> JSONResponse:
        def signed_in(document: dict[str, object]) -> JSONResponse:
            caller, cookie = self._player.sessions.sign_in(
                request.cookies, as_text(document.get("token") or "", "token")
            )
            reply = json_reply({"user": caller.user, "name": caller.name})
            is_secure = request.url.scheme == "https"
            reply.set_cookie(
                COOKIE, cookie, max_age=SESSION_S, path=PREFIX, httponly=True, samesite="lax", secure=is_secure
            )
            return reply

        return await self._player.state.answer(request, signed_in)

    async def find_task(self, request: Request, project: int, field: str, value: str) -> JSONResponse:
        def found() -> JSONResponse:
            caller = self._player.sessions.caller(request.cookies)
            key = self._player.require_access().find_task(project, field, value)
            self._player.sessions.require_task(caller, key)
            return json_reply({"project": key.project_id, "task": key.task_id})

        return await self._player.state.quickly(found)

    async def task(self, request: Request, project: int, task: int) -> JSONResponse:
        def shown() -> JSONResponse:
            key = TaskKey(project, task)
            caller = self._player.caller(request, key)
            if self._player.state.parts.media is not None:
                self._player.state.parts.media.prepare()
            if self._player.state.parts.models.announced() is None:
                return _opening(NO_MODEL)
            try:
                opened = self._player.tasks.open(key, caller.user, wait_s=0.0, longest_s=FRESH_S)
            except Opening as error:
                return _opening(str(error))
            return json_reply(self._task_form(opened))

        return await self._player.state.quickly(shown)

    async def picture(self, request: Request, project: int, task: int, frame: int) -> Response:
        def shown() -> Response:
            opened = self._player.opened(request, TaskKey(project, task))
            media = self._player.state.parts.media
            if media is None:
                raise ServiceUnavailable("this process serves no pictures")
            served = media.picture(opened.user_task.media, opened.info, opened.info.require_frame(frame))
            headers = {"ETag": f'"{served.tag}"', "Cache-Control": PICTURES_KEPT}
            if headers["ETag"] in request.headers.get("if-none-match", ""):
                return Response(status_code=304, headers=headers)
            return Response(served.body, headers=headers, media_type=served.media_type)

        return await self._player.state.looked_up(shown)

    async def masks(
        self, request: Request, project: int, task: int, start: int, stop: int, user: str | None = None
    ) -> JSONResponse:
        def shown(opened: OpenedTask) -> JSONResponse:
            opened = self._player.as_left_by(user, opened)
            wanted = forms.frame_range_of(start, min(stop, opened.info.frame_count))
            masks = self._player.masks.on(self._player.start.view_of(opened.user_task), wanted)
            return json_reply({"masks": forms.mask_forms(masks), "revision": self._player.revision(opened)})

        return await self._player.read(request, TaskKey(project, task), shown)

    async def users(self, request: Request, project: int, task: int) -> JSONResponse:
        def shown() -> JSONResponse:
            key = TaskKey(project, task)
            caller = self._player.caller(request, key)
            self._player.require_shared()
            counts = self._player.state.parts.ledger.prompt_counts(project, task=key)
            return json_reply(forms.users_form(counts, caller.user))

        return await self._player.state.quickly(shown)

    async def timeline(self, request: Request, project: int, task: int, user: str | None = None) -> JSONResponse:
        def shown(opened: OpenedTask) -> JSONResponse:
            opened = self._player.as_left_by(user, opened)
            timeline = self._player.timelines.of(self._player.start.view_of(opened.user_task))
            return json_reply(forms.timeline_form(timeline))

        return await self._player.read(request, TaskKey(project, task), shown)

    def _task_form(self, opened: OpenedTask) -> dict[str, object]:
        parts, info, user_task = self._player.state.parts, opened.info, opened.user_task
        prompts = parts.ledger.prompts(user_task.task, user=self._player.start.view_of(user_task).user)
        run = self._player.propagations(opened).newest()
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
                "notice": DEMO_NOTICE if is_demo else "",
            },
            "cuts": list(known_cuts(parts.key_values, info.content_hash)),
            "revision": self._player.revision(opened),
            "shared_masks": parts.settings.player_shared_masks,
            "effort": parts.settings.effort,
            "note": parts.crowd.note(user_task.task),
            "objections": forms.objection_forms(self._player.verdicts(opened).objections()),
            **forms.verdicts_form(self._player.verdicts(opened).all()),
        }


def _opening(detail: str) -> JSONResponse:
    return json_reply({"status": "opening", "detail": detail}, 202)
