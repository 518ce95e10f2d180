"""Routes that start, follow and stop propagations."""

from __future__ import annotations

import anyio.to_thread
from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.requests import Request

from backend.application.player.task_view import OpenedTask
from backend.domain.tasks import TaskKey
from backend.interfaces.http.app_state import json_reply
from backend.interfaces.http.player import forms
from backend.interfaces.http.player.bodies import PropagationBody
from backend.interfaces.http.player.documentation import described, described_as
from backend.interfaces.http.player.events import HEADERS, EventStream
from backend.interfaces.http.player.player import TASK, Player
from backend.interfaces.http.player.schemas import Job


class PropagationRoutes:
    """Propagations and their events."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def add_to(self, router: APIRouter) -> None:
        started = described("Starts a propagation", Job, status=202, body=PropagationBody)
        router.add_api_route(TASK + "/propagations", self.propagate, methods=["POST"], **started)
        stopped = described("Stops a propagation; the masks made so far are its result", Job)
        router.add_api_route(TASK + "/propagations/{job_id}/stop", self.stop, methods=["POST"], **stopped)
        events = described_as("Follows the newest propagation", "text/event-stream", "job, masks, problem, end.")
        router.add_api_route(TASK + "/events", self.events, methods=["GET"], response_class=StreamingResponse, **events)

    async def propagate(self, request: Request, project: int, task: int) -> JSONResponse:
        def started(document: dict[str, object]) -> JSONResponse:
            opened = self._player.opened(request, TaskKey(project, task))
            self._player.start.take_over(opened.user_task)
            run = self._player.propagations(opened).start(opened, forms.wanted_range_of(document))
            return json_reply(forms.job_form(run, opened.info.frame_count), 202)

        return await self._player.state.answer(request, started)

    async def stop(self, request: Request, project: int, task: int, job_id: str) -> JSONResponse:
        def stopped(opened: OpenedTask) -> JSONResponse:
            run = self._player.propagations(opened).stop(job_id)
            return json_reply(forms.job_form(run, opened.info.frame_count))

        return await self._player.read(request, TaskKey(project, task), stopped)

    async def events(self, request: Request, project: int, task: int, cursor: str = "") -> Response:
        opened = await anyio.to_thread.run_sync(
            self._player.opened, request, TaskKey(project, task), limiter=self._player.streams
        )
        read = self._player.propagations(opened).read
        stream = EventStream(
            read, self._player.streams, self._player.state.parts.clock.monotonic_s, opened.info.frame_count
        )
        start = request.headers.get("last-event-id") or cursor
        return StreamingResponse(stream.events(start), media_type="text/event-stream", headers=HEADERS)
