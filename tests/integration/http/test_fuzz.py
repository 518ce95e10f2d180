"""Every route with every parameter, header and field set to what nobody means: an answer or a refusal, never a 500."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.serving.addresses import Signer
from backend.adapters.media.serving.page_cache import PageCache, PageDecoder
from backend.adapters.media.serving.service import MediaService
from backend.interfaces.http.errors import Problem
from tests.fakes.clock import FakeClock
from tests.fakes.web import (
    FRAMES,
    VIDEO,
    FakeWeb,
    TestClient,
    keypoint,
    pages_task,
    predict_body,
    served_routes,
    video_box,
    video_task,
)
from tests.integration.http.test_bad_input import places, replaced

TEXTS = (
    *("", "0", "-1", "2147483648", "9" * 19, "1" + "0" * 28, "-1" + "0" * 28, "1" * 400, "1e9", "1.5", "NaN"),
    *("Infinity", "null", "true", "[]", "{}", "x" * 2000, "1/2", "1/" + "9" * 30, "a,b", "²", "\U0001f600", "../.."),
    *("'; --", "%", "p-" + "0" * 40),
)
RAW = ("%00", "%FF", "%ED%A0%80", "a%00b", "+", "%")
VALUES: tuple[object, ...] = (
    *(None, True, -1, 0, 1, 2**31, 2**63 - 1, -(2**63) + 1, 1.5, 1e308, "", "x", "1", "\U0001f600", "x" * 300),
    *([], {}, [[]], [None], {"id": 1}, ["x"], {"": None}),
)
RAW_VALUES = ("NaN", "-Infinity", "1e999", "1" + "0" * 28, '"\\ud800"', '"\\u0000"', "[" * 200, '{"a": 1, "a": 2}')

TRACK = {
    "event": "track",
    "frame": 1,
    "max_frames": 3,
    "result": [{"type": "keypointlabels", "value": {"x": 50.0, "y": 50.0}}],
}
PROMPTS = {"version": 1, "objects": [{"id": "1", "label": "Cat", "prompts": [{"frame": 0, "points": [[0.5, 0.5, 1]]}]}]}

BODIES: dict[str, list[dict[str, object]]] = {
    "/setup": [{"project": "1.17", "schema": FRAMES, "hostname": "h", "access_token": "t"}],
    "/versions": [{"project": "1.17"}],
    "/webhook": [
        {"action": "ANNOTATION_CREATED", "project": {"id": 1}, "annotation": {"id": 3, "task": 7, "result": []}},
        {
            "action": "ANNOTATIONS_CREATED",
            "project": {"id": 1},
            "annotation": [{"id": 3, "task": 7}],
            "task": {"id": 7},
        },
    ],
    "/train": [{"project": "1.17", "annotations": [{"id": 7, "task": 7}]}],
    "/job_status": [{"job": "p1-3f9a1c"}],
    "/predict": [
        predict_body(pages_task(), regions=[keypoint()]),
        predict_body(video_task(), label_config=VIDEO, project="2.17", regions=[video_box()]),
        predict_body(pages_task(), pages_task(9)),
        {**predict_body(video_task(), label_config=VIDEO, project="2.17"), "params": {"context": TRACK}},
    ],
    "/jobs": [
        {
            "project": 1,
            "task": 7,
            "data": pages_task()["data"],
            "label_config": FRAMES,
            "prompts": PROMPTS,
            "scope": "onward",
        }
    ],
    "/jobs/p-1/cancel?project=1": [{}],
}


def client(root: Path) -> TestClient:
    """A service with every route, media and batches among them. What it raises fails the test."""
    web = FakeWeb()
    records = ImportRecords(root / "batches.sqlite")
    page_decoder = PageDecoder()
    web.parts = replace(
        web.parts,
        media=MediaService(Signer(b"key"), records, page_decoder, PageCache(root / "pages", 10**6), FakeClock()),
    )
    return web.client()


def test_no_route_without_a_body_here(tmp_path: Path) -> None:
    routes = served_routes(client(tmp_path).app)  # type: ignore[arg-type]
    # The player's and the lead's routes have bad bodies of their own: tests/unit/interfaces/http/player, lead.
    others = ("/api/player/", "/api/lead/")
    posted = {path for method, path in routes if method == "POST" and not path.startswith(others)}
    assert posted == {path.partition("?")[0] for path in BODIES}


def test_every_query_parameter_of_every_route(tmp_path: Path) -> None:
    caller = client(tmp_path)
    described = caller.get("/openapi.json").json()["paths"]
    asked = 0
    for path, methods in described.items():
        for method, described_route in methods.items():
            fields = [field["name"] for field in described_route.get("parameters", ()) if field["in"] == "query"]
            route = path.replace("{job_id}", "p-1").replace("{rest}", "x")
            for field in (*fields, "unknown"):
                for text in TEXTS:
                    reply = caller.request(method, route, params={field: text}, headers=JSON)
                    assert reply.status_code < 500, (method, route, field, text, reply.text)
                for raw in RAW:
                    reply = caller.request(method, f"{route}?{field}={raw}&{raw}", headers=JSON)
                    assert reply.status_code < 500, (method, route, field, raw, reply.text)
                asked += 1
    assert asked > 15


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("field", ["project", "limit"])
def test_a_number_beyond_all_ids_is_refused_by_name(tmp_path: Path, field: str) -> None:
    for path in ("/jobs", "/batches"):
        reply = client(tmp_path).get(path, params={field: 10**28})
        assert (reply.status_code, f"'{field}'" in reply.json()["detail"]) == (400, True)


def test_every_path_parameter(tmp_path: Path) -> None:
    caller = client(tmp_path)
    for text in (*(quote(text, safe="") for text in TEXTS if text), *RAW[:4]):
        for method, path in (("GET", f"/jobs/{text}"), ("POST", f"/jobs/{text}/cancel"), ("GET", f"/media/{text}")):
            reply = caller.request(method, path, headers=JSON)
            assert reply.status_code < 500, (method, text, reply.text)


EVERY_BODY = [(path, body) for path, listed in BODIES.items() for body in listed]


@pytest.mark.parametrize(("path", "body"), EVERY_BODY, ids=[path for path, _ in EVERY_BODY])
def test_every_field_of_every_body(tmp_path: Path, path: str, body: dict[str, object]) -> None:
    caller = client(tmp_path)
    assert caller.post(path, json=body).status_code in (200, 201, 202, 404, 410)
    for place in list(places(body))[1:]:
        for value in VALUES:
            reply = caller.post(path, json=replaced(body, place, value))
            assert reply.status_code < 500, (place, value, reply.text)
        for raw in RAW_VALUES:
            content = json.dumps(replaced(body, place, "HERE")).replace('"HERE"', raw)
            reply = caller.post(path, content=content, headers=JSON)
            assert reply.status_code == 400, (place, raw, reply.text)
            assert set(reply.json()) == Problem.__required_keys__


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "-1"},
        {"Content-Type": "application/json; charset=\x80"},
        {"Authorization": "Basic \x80"},
        {"X-Masklet-Secret": "\x80"},
        {"Range": "bytes=" + "0-1," * 2000},
        {"If-None-Match": "x" * 5000},
        {"Accept": "\x00"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_strange_headers(tmp_path: Path, headers: dict[str, str]) -> None:
    web = FakeWeb().with_settings(user="u", password="p", webhook_secret="s")
    for caller in (client(tmp_path), web.client()):
        for method, path in served_routes(FakeWeb().app):
            raw = [(name.encode(), value.encode("latin-1")) for name, value in (JSON | headers).items()]
            assert caller.request(method, path, headers=raw).status_code < 500, (method, path)
