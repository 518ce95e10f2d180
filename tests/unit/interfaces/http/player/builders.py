"""A web process with a player, its worker, and the Label Studio that it asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from backend.adapters.labelstudio.api.annotations import AnnotationRecord
from backend.adapters.labelstudio.api.client import ChangedTask, TaskRecord
from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.api.user_access import UserAccess
from backend.application.ports.cluster.logins import LoginStore, NoLogins
from backend.bootstrap.web import PlayerParts
from backend.domain.errors import NotAllowed
from backend.domain.tasks import TaskKey
from tests.fakes.web import FakeWeb, TestClient

Json = dict[str, Any]

CONFIG = """<View>
  <HyperText name="player" value="$video"/>
  <View style="display:none">
    <Labels name="label" toName="video"><Label value="Cat" background="#FF0000"/><Label value="Dog"/></Labels>
    <Video name="video" value="$video" framerate="25"/><VideoRectangle name="box" toName="video"/>
  </View>
</View>"""

LABEL_STUDIO = "http://localhost:8080"
SERVERS_TOKEN = "the-servers-token"
TOTALS = {"total": 2, "total_annotations": 0, "total_predictions": 0}
TASK = "/api/player/tasks/2/8"
CHANGE = {"X-Masklet-Player": "1", "Content-Type": "application/json"}
CLICK: Json = {"label": "Cat", "points": [[0.5, 0.5, 1]], "box": None, "mask": None}


@dataclass
class TaskReader:
    """The AnnotationReader of one project with one task."""

    config: str = CONFIG
    data: Mapping[str, object] = field(default_factory=lambda: {"video": "/data/clip.mp4"})
    reads: int = 0

    def fetch_task(self, task: TaskKey) -> TaskRecord:
        self.reads += 1
        if task.project_id != 2:
            raise NotAllowed(f"task {task.task_id} is not of project {task.project_id}")
        return TaskRecord(task, self.data)

    def label_config(self, project_id: int) -> str:
        return self.config

    def annotations(self, task: TaskKey) -> tuple[AnnotationRecord, ...]:
        return ()

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> tuple[ChangedTask, ...]:
        return ()


@dataclass
class LabelStudioUsers:
    """Answers of Label Studio's API by the request's cookie.

    `ann-1`, `ann-2` and `cem-1` may see the tasks 8 and 9 of project 2, `bob-1` no task.
    """

    asked: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        name = {
            "sessionid=ann-1": "ann",
            "sessionid=ann-2": "ann",
            "sessionid=bob-1": "bob",
            "sessionid=cem-1": "cem",
        }.get(request.headers.get("cookie", ""))
        if request.headers.get("authorization") in ("Token anns-token", f"Token {SERVERS_TOKEN}"):
            name = "ann"
        if name is None:
            return httpx.Response(401, json={"detail": "Authentication credentials were not provided."})
        if request.url.path == "/api/current-user/whoami":
            number = ("ann", "bob", "cem").index(name) + 1
            return httpx.Response(200, json={"email": f"{name}@example.org", "first_name": name.title(), "id": number})
        if request.url.path == "/api/projects/":
            shown = [] if name == "bob" else [{"id": 2, "title": "Cats"}]
            return httpx.Response(200, json={"count": len(shown), "results": shown})
        if name in ("ann", "cem") and request.url.path == "/api/tasks/8/":
            return httpx.Response(200, json={"id": 8, "project": 2})
        if name in ("ann", "cem") and request.url.path == "/api/tasks/" and request.url.params["project"] == "2":
            first = (int(request.url.params["page"]) - 1) * int(request.url.params["page_size"])
            ids = [8, 9][first : first + int(request.url.params["page_size"])]
            return httpx.Response(200 if ids else 404, json={"tasks": [{"id": number} for number in ids], **TOTALS})
        return httpx.Response(404, json={"detail": "Not found."})


@dataclass
class PlayerWeb:
    """The web process. users None: without a login, as without a Label Studio of its own."""

    users: LabelStudioUsers | None = None
    reader: TaskReader = field(default_factory=TaskReader)
    logins: LoginStore = field(default_factory=NoLogins)

    def __post_init__(self) -> None:
        self.web = FakeWeb(label_studio=self.reader)
        if self.users is not None:
            transport = httpx.MockTransport(self.users.answer)
            server = Session(LABEL_STUDIO, SERVERS_TOKEN, timeout_s=5, transport=transport)
            access = UserAccess(LABEL_STUDIO, server, transport=transport)
            self.web.parts = replace(self.web.parts, player=PlayerParts(access, b"key", LABEL_STUDIO, self.logins))

    def client(self, session_id: str = "") -> TestClient:
        """session_id: Label Studio's cookie of a browser that signs in."""
        client = self.web.client()
        client.headers.update(CHANGE)
        if session_id:
            client.cookies.set("sessionid", session_id)
            assert client.post("/api/player/session", json={}).status_code == 200
        return client

    def opened(self, session_id: str = "") -> TestClient:
        """A client whose task a worker has opened."""
        client = self.client(session_id)
        assert client.get(TASK).status_code == 202
        self.web.work_off_all()
        assert client.get(TASK).status_code == 200
        return client
