"""What Label Studio says of a person, and what is made of its refusals."""

from __future__ import annotations

import json

import httpx
import pytest

from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.api.user_access import Credential, UserAccess
from backend.adapters.labelstudio.storage_addresses import media_address
from backend.domain.errors import LabelStudioUnavailable, NotAllowed, NotFound
from backend.domain.tasks import TaskKey

URL = "http://studio.test"
ANN = Credential(session_id="ann-1")


class Server:
    """A Label Studio with one answer; keeps the requests."""

    def __init__(self, status: int = 200, body: object = None, *, error: Exception | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self._reply = httpx.Response(status, json=body)
        self._error = error

    def access(self) -> UserAccess:
        transport = httpx.MockTransport(self._answer)
        return UserAccess(URL, Session(URL, "server-token", timeout_s=5, transport=transport), transport=transport)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self._error is not None:
            raise self._error
        return self._reply


def test_a_person_is_known_by_the_cookie_alone() -> None:
    server = Server(body={"email": "ann@example.org", "first_name": "Ann", "last_name": "Lee"})
    found = server.access().whoami(ANN)
    assert (found.email, found.name) == ("ann@example.org", "Ann Lee")
    (request,) = server.requests
    assert (str(request.url), request.headers["cookie"]) == (f"{URL}/api/current-user/whoami", "sessionid=ann-1")
    assert "authorization" not in request.headers


@pytest.mark.parametrize(("status", "body"), [(401, {}), (403, {}), (302, {}), (200, []), (200, {"email": ""})])
def test_an_unknown_person_is_refused(status: int, body: object) -> None:
    with pytest.raises(NotAllowed):
        Server(status, body).access().whoami(ANN)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [(200, {"project": 2}, True), (200, {"project": 3}, False), (404, {}, False), (401, {}, False), (403, {}, False)],
)
def test_a_task_is_seen_if_label_studio_shows_it(status: int, body: object, expected: bool) -> None:
    assert Server(status, body).access().may_see(ANN, TaskKey(2, 8)) is expected


@pytest.mark.parametrize("server", [Server(500), Server(502, {}), Server(error=httpx.ConnectError("refused"))])
def test_an_outage_is_no_refusal(server: Server) -> None:
    with pytest.raises(LabelStudioUnavailable):
        server.access().may_see(ANN, TaskKey(2, 8))
    with pytest.raises(LabelStudioUnavailable):
        server.access().whoami(ANN)


def test_a_task_is_found_with_the_servers_token() -> None:
    server = Server(body={"tasks": [{"id": 12}], "total": 1, "total_annotations": 0, "total_predictions": 0})
    assert server.access().find_task(2, "video", "/data/upload/2/clip.mp4") == TaskKey(2, 12)
    (request,) = server.requests
    assert request.headers["authorization"] == "Token server-token"
    (item,) = json.loads(request.url.params["query"])["filters"]["items"]
    assert (item["filter"], item["value"]) == ("filter:tasks:data.video", "/data/upload/2/clip.mp4")


def test_a_task_with_a_file_in_cloud_storage_is_found_by_the_address_that_the_page_has() -> None:
    server = Server(body={"tasks": [{"id": 12}], "total": 1, "total_annotations": 0, "total_predictions": 0})
    value = "http://localhost:8080" + media_address("s3://films/clip 7.mp4", 12)
    assert server.access().find_task(2, "video", value) == TaskKey(2, 12)
    items = json.loads(server.requests[0].url.params["query"])["filters"]["items"]
    assert [(item["filter"], item["value"]) for item in items] == [
        ("filter:tasks:data.video", "s3://films/clip 7.mp4"),
        ("filter:tasks:id", 12),
    ]


def test_a_value_without_a_task_is_named() -> None:
    server = Server(body={"tasks": [], "total": 0, "total_annotations": 0, "total_predictions": 0})
    with pytest.raises(NotFound, match=r"project 2 has no task whose video is 'x\.mp4'"):
        server.access().find_task(2, "video", "x.mp4")


def test_the_tasks_of_a_project_are_asked_for_as_the_person() -> None:
    server = Server(body={"tasks": [{"id": 8}, {"id": 9}], "total": 30})
    found = server.access().tasks(ANN, 2, page=3, page_size=2)
    assert ([task.task_id for task in found.tasks], found.total) == ([8, 9], 30)
    (request,) = server.requests
    asked = {name: request.url.params[name] for name in ("project", "page", "page_size")}
    assert (asked, request.headers["cookie"]) == ({"project": "2", "page": "3", "page_size": "2"}, "sessionid=ann-1")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_the_tasks_of_a_hidden_project_are_refused(status: int) -> None:
    with pytest.raises(NotAllowed, match="does not show project 2 to you"):
        Server(status, {}).access().tasks(ANN, 2, page=1, page_size=2)
