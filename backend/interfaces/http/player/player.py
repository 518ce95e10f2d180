"""What the player's routes share: sessions, opened tasks, masks, and the threads in which calls run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from anyio import CapacityLimiter
from fastapi.responses import JSONResponse
from starlette.requests import Request

from backend.adapters.labelstudio.api.user_access import UserAccess
from backend.application.player.detections import Detections
from backend.application.player.hover import Hovers
from backend.application.player.prediction_start import PredictionStart
from backend.application.player.prompt_edits import EditResult, PromptEdits
from backend.application.player.propagation import Propagations
from backend.application.player.task_view import OpenedTask
from backend.application.player.verdicts import Verdicts
from backend.domain.errors import ServiceUnavailable
from backend.domain.tasks import TaskKey
from backend.interfaces.http.app_state import AppState, json_reply
from backend.interfaces.http.player import forms
from backend.interfaces.http.player.events import STREAMS
from backend.interfaces.http.player.problems import NotShared
from backend.interfaces.http.player.sessions import Caller, open_sessions
from backend.interfaces.http.player.tasks import PlayerTasks

PREFIX = "/api/player"
TASK = "/tasks/{project}/{task}"

Work = Callable[[OpenedTask], JSONResponse]
Edit = Callable[[PromptEdits, dict[str, object]], EditResult]


class Player:
    """One app's player. access: Label Studio's answers about people; None without a Label Studio."""

    def __init__(self, state: AppState) -> None:
        parts = state.parts
        access = None if parts.player is None else parts.player.access
        self.state = state
        self.access = access
        self.sessions = open_sessions(parts.player, parts.clock)
        self.tasks = PlayerTasks(state)
        self.streams = CapacityLimiter(STREAMS)
        self.masks = state.current_masks
        self.start = PredictionStart(self.masks)
        self.timelines = state.timelines

    @property
    def deadline_s(self) -> float:
        """The longest wait for a worker, in seconds."""
        return self.state.parts.settings.reply_deadline_s

    def caller(self, request: Request, key: TaskKey) -> Caller:
        """The person of a request. Raises SignInNeeded, or NotAllowed if the task is not shown to that person."""
        caller = self.sessions.caller(request.cookies)
        self.sessions.require_task(caller, key)
        return caller

    def opened(self, request: Request, key: TaskKey) -> OpenedTask:
        """The task, opened for the person of a request. Raises as `caller` and PlayerTasks.open do."""
        return self.tasks.open(key, self.caller(request, key).user)

    def hovers(self, opened: OpenedTask) -> Hovers:
        return Hovers(self.masks, self.state.parts.hover_channel, self.state.parts.prewarm_channel, opened)

    def detections(self, opened: OpenedTask) -> Detections:
        return Detections(self.masks, self.state.parts.detection_channel, opened)

    def verdicts(self, opened: OpenedTask) -> Verdicts:
        return Verdicts(self.state.parts.ledger, self.timelines, opened.user_task)

    def propagations(self, opened: OpenedTask) -> Propagations:
        return Propagations(self.masks, opened.user_task)

    def require_access(self) -> UserAccess:
        """Raises ServiceUnavailable without a Label Studio."""
        if self.access is None:
            raise ServiceUnavailable("no Label Studio is set; put its address in LABEL_STUDIO_URL")
        return self.access

    def require_shared(self) -> None:
        """Raises NotShared unless the settings let people see each other's masks."""
        if not self.state.parts.settings.player_shared_masks:
            raise NotShared

    def as_left_by(self, user: str | None, opened: OpenedTask) -> OpenedTask:
        """The caller's opened task as another person left it; None: as the caller did. Raises as `require_shared`."""
        if user is None or user == opened.user_task.user:
            return opened
        self.require_shared()
        return replace(opened, user_task=replace(opened.user_task, user=user))

    def revision(self, opened: OpenedTask) -> int:
        return self.masks.records.read(opened.user_task.task, opened.user_task.user).revision

    async def read(self, request: Request, key: TaskKey, work: Work) -> JSONResponse:
        """Work on an opened task that does not wait for workers."""
        return await self.state.quickly(lambda: work(self.opened(request, key)))

    async def edit(self, request: Request, key: TaskKey, edit: Edit, *, has_body: bool = True) -> JSONResponse:
        """An edit of prompts, which may wait for a worker."""

        def edited(document: dict[str, object]) -> JSONResponse:
            opened = self.opened(request, key)
            self.start.take_over(opened.user_task)
            return json_reply(forms.edit_form(edit(PromptEdits(self.masks, opened), document), opened))

        if has_body:
            return await self.state.answer(request, edited, waits=True)
        return await self.state.waiting(lambda: edited({}))
