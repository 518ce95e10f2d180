"""The OpenAPI document of the player's API: every call is described, and real answers have the described forms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jsonschema
import pytest

from backend.domain.detections import Detection
from backend.domain.geometry import Box
from tests.fakes.web import TestClient
from tests.unit.interfaces.http.player.builders import CHANGE, CLICK, TASK, Json, LabelStudioUsers, PlayerWeb
from tests.unit.interfaces.http.player.test_pictures import Setup

REFUSALS = {"400", "401", "403", "404", "409", "422", "503", "507"}
PROBLEM = "application/problem+json"


APIS = ("/api/player", "/api/lead")


@pytest.fixture
def document() -> Json:
    return PlayerWeb().web.app.openapi()


def operations(document: Json, prefix: str = "/api/player") -> Iterator[tuple[str, str, Json]]:
    """Method, path and description of every call of an API."""
    for path, methods in document["paths"].items():
        if path.startswith(prefix):
            for method, operation in methods.items():
                yield method, path, operation


def validate(document: Json, schema: Json, content: object) -> None:
    whole = {**schema, "components": document["components"]}
    jsonschema.Draft202012Validator(whole).validate(content)


@pytest.mark.parametrize("prefix", APIS)
def test_every_call_is_described(document: Json, prefix: str) -> None:
    found = list(operations(document, prefix))
    assert len(found) > 10
    for method, path, operation in found:
        where, responses = f"{method} {path}", operation["responses"]
        assert re.fullmatch(r"[A-Z].+[^.]", operation["summary"]), where
        assert set(responses) >= REFUSALS, where
        assert {PROBLEM} == {kind for status in REFUSALS for kind in responses[status]["content"]}, where
        answers = [content for status, content in responses.items() if status not in REFUSALS]
        assert answers, where
        assert all(answer["description"] and answer["content"] for answer in answers), where
        names = [each["name"] for each in operation.get("parameters", ())]
        assert ("X-Masklet-Player" in names) == (method != "get"), where


def test_every_form_and_field_is_described(document: Json) -> None:
    for name in named_schemas(document):  # of both APIs
        schema = document["components"]["schemas"][name]
        assert schema["description"], name
        for field_name, content in schema["properties"].items():
            assert content.get("description") or "$ref" in content, f"{name}.{field_name}"


def named_schemas(document: Json) -> set[str]:
    """The schemas that the calls of both APIs name, and those that these name."""
    found: set[str] = set()
    texts = [str(operation) for prefix in APIS for _, _, operation in operations(document, prefix)]
    while texts:
        names = set(re.findall(r"#/components/schemas/(\w+)", texts.pop())) - found
        found |= names
        texts += [str(document["components"]["schemas"][name]) for name in names]
    return found


def test_every_body_has_an_example_of_its_form(document: Json) -> None:
    with_body = [each for prefix in APIS for each in operations(document, prefix) if "requestBody" in each[2]]
    assert {method for method, _, _ in with_body} == {"put", "post", "patch"}
    for _, _, operation in with_body:
        content = operation["requestBody"]["content"]["application/json"]
        validate(document, content["schema"], content["example"])


@dataclass
class Checked:
    """A client whose answers must have the described forms. called: the calls so far."""

    client: TestClient
    document: Json
    called: set[tuple[str, str]] = field(default_factory=set)
    prefix: str = "/api/player"

    def call(self, method: str, address: str, body: Json | None = None, *, status: int = 200) -> Json:
        reply = self.client.request(method, address, json=body)
        assert reply.status_code == status, reply.text
        path, operation = self._operation(method, address.partition("?")[0])
        self.called.add((method.lower(), path))
        contents = operation["responses"][str(status)]["content"]
        kind = reply.headers["content-type"].partition(";")[0]
        assert kind in contents
        if not kind.endswith("json"):
            return {}
        validate(self.document, contents[kind]["schema"], reply.json())
        answer: Json = reply.json()
        return answer

    def _operation(self, method: str, address: str) -> tuple[str, Json]:
        for kind, path, operation in operations(self.document, self.prefix):
            if kind == method.lower() and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), address):
                return path, operation
        raise AssertionError(f"{method} {address} is not described")


def test_answers_have_the_described_forms(document: Json, tmp_path: Path) -> None:
    web = PlayerWeb(LabelStudioUsers())
    web.web.detector.found["red car"] = (Detection(Box(0.5, 0.25, 0.75, 0.5), 0.8),)
    web.web.with_settings(player_shared_masks=True)
    client = web.web.client()
    client.headers.update(CHANGE)
    client.cookies.set("sessionid", "ann-1")
    checked = Checked(client, document)
    checked.call("GET", TASK, status=401)
    checked.call("POST", "/api/player/session", {})
    checked.call("GET", TASK, status=202)
    web.web.work_off_all()
    checked.call("GET", TASK)
    checked.call("GET", "/api/player/tasks?project=2&field=video&value=x")
    _edit(checked)
    job = checked.call("POST", f"{TASK}/propagations", {"start": 4}, status=202)
    checked.call("GET", "/api/player/projects/2/tasks")
    checked.call("POST", f"{TASK}/propagations/{job['id']}/stop", {})
    checked.call("POST", f"{TASK}/propagations", {"start": 4}, status=202)
    web.web.work_off_all()
    _look(checked)
    _forget(checked)
    pictures = Checked(Setup(tmp_path).opened(), document, checked.called)
    pictures.call("GET", f"{TASK}/frames/3")
    assert checked.called == {(method, path) for method, path, _ in operations(document)}


def _edit(checked: Checked) -> None:
    checked.call("POST", f"{TASK}/hover", {"frame": 4, "object": "Cat", "point": [0.5, 0.5, 1]}, status=409)
    assert checked.call("POST", f"{TASK}/detections", {"frame": 4, "text": "red car"})["detections"]
    checked.call("POST", f"{TASK}/detections", {"frame": 4, "text": ""}, status=400)
    checked.call("POST", f"{TASK}/activity", {"object": "Cat"})
    checked.call("POST", f"{TASK}/prewarm", {"frames": [4, 5]}, status=202)
    checked.call("PUT", f"{TASK}/prompts/4/Cat", CLICK)
    checked.call("PUT", f"{TASK}/prompts/99/Cat", CLICK, status=400)
    checked.call("PUT", f"{TASK}/prompts/5/Cat", CLICK)
    checked.call("PUT", f"{TASK}/prompts/4/Dog", {**CLICK, "label": "Dog", "box": [0.1, 0.1, 0.9, 0.9]})
    checked.call("DELETE", f"{TASK}/prompts/5/Cat")
    checked.call("PATCH", f"{TASK}/objects/Dog", {"label": "Cat"})
    checked.call("PUT", f"{TASK}/approvals", {"object": "Dog", "start": 4, "stop": 5})
    checked.call("POST", f"{TASK}/hover", {"frame": 4, "object": "Dog", "point": [0.5, 0.5, 1]})
    checked.call("PUT", f"{TASK}/verdicts", {"verdict": "redo"})
    checked.call("PUT", f"{TASK}/verdicts/Cat", {"verdict": "satisfactory", "comment": "good"})


def _look(checked: Checked) -> None:
    checked.call("GET", f"{TASK}/events")
    assert checked.call("GET", TASK)["propagation"]["state"] == "done"
    assert checked.call("GET", f"{TASK}/masks?start=0&stop=10")["masks"]
    checked.call("GET", f"{TASK}/users")
    checked.call("GET", f"{TASK}/timeline?user=cem@example.org")
    assert checked.call("GET", f"{TASK}/timeline")["next_uncertain"]
    checked.call("GET", "/api/player/projects/2/tasks")
    checked.call("GET", "/api/player/projects/2/summary")
    checked.call("GET", "/api/player/projects/3/summary", status=403)


def _forget(checked: Checked) -> None:
    checked.call("DELETE", f"{TASK}/verdicts")
    checked.call("DELETE", f"{TASK}/verdicts/Cat")
    checked.call("DELETE", f"{TASK}/verdicts/Cat", status=404)
    checked.call("DELETE", f"{TASK}/objects/Cat")
    checked.call("DELETE", f"{TASK}/objects")
