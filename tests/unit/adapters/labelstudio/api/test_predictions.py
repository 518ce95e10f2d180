"""One prediction per task and model version, against an in-memory Label Studio with injected faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.domain.errors import LabelStudioRefused, LabelStudioUnavailable, NotAllowed, NotFound
from tests.unit.adapters.labelstudio.builders import TASK

LEGACY = "0123456789abcdef0123456789abcdef01234567"
RESULT: list[dict[str, object]] = [{"id": "a", "value": {}}]


@dataclass
class LabelStudioStub:
    """Predictions of one Label Studio. before: called before each request; it may raise or answer the request.

    after: called after each request is executed, before its response is returned; it may raise or replace it.
    """

    rows: dict[int, dict[str, object]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    before: Callable[[httpx.Request], httpx.Response | None] = lambda request: None
    after: Callable[[httpx.Request], httpx.Response | None] = lambda request: None

    def client(self, token: str = LEGACY) -> LabelStudioClient:
        return LabelStudioClient("http://studio:8080/", token, transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(f"{request.method} {request.url.path}")
        first = self.before(request)
        if first is not None:
            return first
        reply = self.execute(request)
        return self.after(request) or reply

    def execute(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Token {LEGACY}"
        path = request.url.path
        if request.method == "GET" and path == "/api/predictions/":
            assert request.url.params["task"] == "41"
            return httpx.Response(200, json=list(self.rows.values()))
        if request.method == "POST":
            number = max(self.rows, default=0) + 1
            self.rows[number] = {"id": number, **json.loads(request.content)}
            return httpx.Response(201, json=self.rows[number])
        number = int(path.split("/")[3])
        if number not in self.rows:
            return httpx.Response(404, json={"detail": "Not found."})
        if request.method == "DELETE":
            del self.rows[number]
            return httpx.Response(204)
        self.rows[number].update(json.loads(request.content))
        return httpx.Response(200, json=self.rows[number])


def put(client: LabelStudioClient, *, score: float = 0.5) -> int:
    return client.put_prediction(TASK, model_version="masklet-1", result=RESULT, score=score)


def row(number: int, version: str = "masklet-1") -> dict[str, object]:
    return {"id": number, "task": 41, "model_version": version, "result": [], "score": 0.1}


def test_a_prediction_is_made_once_and_then_updated() -> None:
    label_studio = LabelStudioStub(rows={5: row(5, "other")})
    assert put(label_studio.client()) == 6
    assert put(label_studio.client(), score=0.75) == 6
    assert sorted(label_studio.rows) == [5, 6]
    assert (label_studio.rows[6]["score"], label_studio.rows[6]["result"], label_studio.rows[6]["task"]) == (
        0.75,
        RESULT,
        41,
    )
    assert [call for call in label_studio.seen if call.startswith("POST")] == ["POST /api/predictions/"]


def test_duplicates_are_removed_down_to_the_oldest() -> None:
    label_studio = LabelStudioStub(rows={3: row(3), 4: row(4, "other"), 7: row(7), 9: row(9)})
    assert put(label_studio.client()) == 3
    assert sorted(label_studio.rows) == [3, 4]
    assert label_studio.rows[3]["result"] == RESULT


@pytest.mark.parametrize("fault", ["500", "reset", "timeout"])
def test_a_lost_response_makes_no_second_prediction(fault: str) -> None:
    def lose(request: httpx.Request) -> httpx.Response | None:
        return fail(fault, request) if request.method == "POST" else None

    label_studio = LabelStudioStub(after=lose)
    assert put(label_studio.client()) == 1
    assert sorted(label_studio.rows) == [1]
    assert label_studio.seen.count("POST /api/predictions/") == 1


def fail(fault: str, request: httpx.Request) -> httpx.Response:
    if fault == "reset":
        raise httpx.RemoteProtocolError("reset", request=request)
    if fault == "timeout":
        raise httpx.ReadTimeout("slow", request=request)
    return httpx.Response(500, json={"detail": "oops"})


@pytest.mark.parametrize("fault", ["500", "reset", "timeout"])
def test_a_request_that_never_arrived_is_not_repeated_by_itself(fault: str) -> None:
    def refuse(request: httpx.Request) -> httpx.Response | None:
        return fail(fault, request) if request.method == "POST" else None

    label_studio = LabelStudioStub(before=refuse)
    with pytest.raises(LabelStudioUnavailable):
        put(label_studio.client())
    assert label_studio.rows == {}
    assert label_studio.seen.count("POST /api/predictions/") == 1


def test_a_prediction_deleted_meanwhile_is_created_again() -> None:
    label_studio = LabelStudioStub(rows={3: row(3)})

    def remove(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PATCH":
            label_studio.rows.clear()
        return None

    label_studio.before = remove
    assert put(label_studio.client()) == 1
    assert label_studio.rows[1]["result"] == RESULT


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (400, LabelStudioRefused, "answered 400 .*: bad body"),
        (401, LabelStudioRefused, "refused the token .*: bad body; make a new personal access token"),
        (403, LabelStudioRefused, "answered 403"),
        (404, NotFound, "has nothing there"),
        (301, LabelStudioRefused, "redirects .*; set LABEL_STUDIO_URL"),
        (429, LabelStudioUnavailable, "answered 429"),
        (503, LabelStudioUnavailable, "answered 503"),
    ],
)
def test_refusals_and_outages_raise_different_errors(status: int, error: type[Exception], message: str) -> None:
    headers = {"location": "https://elsewhere.example/"}
    label_studio = LabelStudioStub(
        before=lambda request: httpx.Response(status, json={"detail": "bad body"}, headers=headers)
    )
    with pytest.raises(error, match=message) as caught:
        put(label_studio.client())
    assert LEGACY not in str(caught.value)


def test_a_response_without_json_raises_a_domain_error() -> None:
    label_studio = LabelStudioStub(before=lambda request: httpx.Response(502, text="<html>bad gateway</html>"))
    with pytest.raises(LabelStudioUnavailable, match="answered 502"):
        put(label_studio.client())


def test_a_missing_token_is_reported_before_any_request() -> None:
    label_studio = LabelStudioStub()
    with pytest.raises(LabelStudioRefused, match="LABEL_STUDIO_API_KEY"):
        put(label_studio.client(token=""))
    assert label_studio.seen == []


def test_a_task_of_another_project_is_not_read() -> None:
    label_studio = LabelStudioStub(
        before=lambda request: httpx.Response(200, json={"id": 41, "project": 4, "data": {"a": 1}})
    )
    with pytest.raises(NotAllowed, match="task 41 is not of project 3"):
        label_studio.client().fetch_task(TASK)


def test_a_task_is_read() -> None:
    label_studio = LabelStudioStub(
        before=lambda request: httpx.Response(200, json={"id": 41, "project": 3, "data": {"a": "/x.mp4"}})
    )
    assert label_studio.client().fetch_task(TASK).data == {"a": "/x.mp4"}
    assert label_studio.seen == ["GET /api/tasks/41/"]


def test_annotations_are_read_oldest_first() -> None:
    rows = [
        {"id": 9, "completed_by": 2, "was_cancelled": True, "result": []},
        {"id": 8, "completed_by": 1, "was_cancelled": False, "result": RESULT},
    ]
    label_studio = LabelStudioStub(before=lambda request: httpx.Response(200, json=rows))
    found = label_studio.client().annotations(TASK)
    assert [(a.annotation_id, a.user, a.was_cancelled, a.result) for a in found] == [
        (8, "1", False, RESULT),
        (9, "2", True, []),
    ]
