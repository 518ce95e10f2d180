"""Invalid bodies: each is answered with a status and a reason, and the next valid one with masks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.adapters.labelstudio.mask_forms.brush_rle import encode_rle
from backend.domain.errors import MediaError, MediaUnreachable, NotAllowed
from backend.interfaces.http.calls import MOST_TASKS
from backend.interfaces.http.errors import Problem
from tests.fakes.web import FRAMES, VIDEO, FakeWeb, keypoint, pages_task, predict_body, video_box, video_task

PROBLEM = Problem.__required_keys__
GOOD = predict_body(pages_task(), regions=[keypoint()])

BILLION_LAUGHS = (
    '<!DOCTYPE lolz [<!ENTITY lol "lol">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "&lol;" * 10}">' for n in range(10))
    + "]><View>&l9;</View>"
)
EXTERNAL_ENTITY = '<!DOCTYPE v [<!ENTITY x SYSTEM "file:///etc/passwd">]><View>&x;</View>'


def changed(body: dict[str, object], **fields: object) -> dict[str, object]:
    return {**body, **fields}


def without(body: dict[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in body.items() if name not in names}


def clicked(**fields: object) -> dict[str, object]:
    """A click whose region is changed at the top."""
    return predict_body(pages_task(), regions=[{**keypoint(), **fields}])


def clicked_at(**fields: object) -> dict[str, object]:
    """A click whose value is changed."""
    region = keypoint()
    assert isinstance(region["value"], dict)
    return predict_body(pages_task(), regions=[{**region, "value": {**region["value"], **fields}}])


def boxed(**fields: object) -> dict[str, object]:
    """A box whose value is changed."""
    value = {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0, "rectanglelabels": ["Cat"], **fields}
    region = {**keypoint(), "type": "rectanglelabels", "from_name": "rect", "value": value}
    return predict_body(pages_task(), regions=[region])


def brushed(rle: object, **fields: object) -> dict[str, object]:
    value = {"format": "rle", "rle": rle, "brushlabels": ["Cat"]}
    region = {**keypoint(), "type": "brushlabels", "from_name": "brush", "value": value, **fields}
    return predict_body(pages_task(), regions=[region])


def video(region: dict[str, object] | None = None, **fields: object) -> dict[str, object]:
    return predict_body(video_task(), label_config=VIDEO, project="2.17", regions=[region or video_box()]) | fields


BAD_BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the body is empty"),
    "truncated": (json.dumps(GOOD).encode()[:-20], "invalid JSON"),
    "list": (b"[]", "must be an object"),
    "deep": (b'{"tasks":' + b"[" * 100_000, "nested too deeply"),
    "nan": (b'{"tasks": [NaN]}', "NaN"),
    "infinity": (b'{"tasks": [-Infinity]}', "-Infinity"),
    "surrogate": (b'{"tasks": ["\\ud800"]}', "surrogate"),
}

BAD_CALLS: dict[str, tuple[dict[str, object], int, str]] = {
    "tasks missing": (without(GOOD, "tasks"), 400, "'tasks'"),
    "tasks is text": (changed(GOOD, tasks="all"), 400, "'tasks'"),
    "tasks is null": (changed(GOOD, tasks=None), 400, "'tasks'"),
    "interactive without a task": (changed(GOOD, tasks=[]), 400, "'tasks'"),
    "interactive with two tasks": (changed(GOOD, tasks=[pages_task(), pages_task()]), 400, "'tasks'"),
    "too many tasks": (predict_body(*[1] * (MOST_TASKS + 1)), 413, "10000"),
    "task is text": (changed(GOOD, tasks=["7"]), 400, "tasks[0]"),
    "task without id": (changed(GOOD, tasks=[{"data": {"frames": ["a"]}}]), 400, "task.id"),
    "task id is no number": (changed(GOOD, tasks=[pages_task() | {"id": "1;--"}]), 400, "task.id"),
    "task id is huge": (changed(GOOD, tasks=[pages_task() | {"id": 2**40}]), 400, "task.id"),
    "task of another project": (changed(GOOD, project="2.17"), 403, "project 1"),
    "task without data": (changed(GOOD, tasks=[without(pages_task(), "data")]), 400, "data"),
    "data without the address": (changed(GOOD, tasks=[pages_task() | {"data": {}}]), 400, "data.frames"),
    "data with a wrong address": (changed(GOOD, tasks=[pages_task() | {"data": {"frames": 3}}]), 400, "data.frames"),
    "project null": (changed(GOOD, project=None), 400, "'project'"),
    "project without dot": (changed(GOOD, project="1"), 400, "'project'"),
    "project is text": (changed(GOOD, project="one.two"), 400, "'project'"),
    "params is a list": (changed(GOOD, params=[]), 400, "'params'"),
    "context is text": (changed(GOOD, params={"context": "x"}), 400, "'params.context'"),
    "result is null": (changed(GOOD, params={"context": {"result": None}}), 400, "'params.context.result'"),
    "no prompts": (changed(GOOD, params={"context": {"result": []}}), 400, "without prompts"),
    "region is text": (predict_body(pages_task(), regions=["x"]), 400, "result[0]"),
    "negative page": (clicked(item_index=-1), 400, "item_index"),
    "page past the end": (clicked(item_index=99), 400, "frame 99 is not in the video: it has 10 frames"),
    "page is text": (clicked(item_index="4"), 400, "item_index"),
    "frame past the end": (
        video(video_box(frame=500)),
        400,
        "frame number 500 is not in the video: at 25 frames a",
    ),
    "frame zero": (video(video_box(frame=0)), 400, "frame"),
    "x is huge": (clicked_at(x=1e308), 400, "x"),
    "x is negative": (clicked_at(x=-0.1), 400, "x"),
    "x is text": (clicked_at(x="50"), 400, "x"),
    "box without area": (boxed(width=0), 400, "area"),
    "one id of two places": (predict_body(pages_task(), regions=[keypoint(), keypoint(x=60.0)]), 400, "'k1'"),
    "unknown label": (clicked_at(keypointlabels=["Cow"], labels=["Cow"]), 400, "'Cow'"),
    "two labels": (clicked_at(keypointlabels=["Cat", "Dog"]), 400, "2 labels"),
    "unknown control": (clicked(from_name="nothing"), 400, "'nothing'"),
    "odd rle": (brushed([1, 2, 3]), 400, "RLE"),
    "rle of text": (brushed("xx"), 400, "rle"),
    "rle beyond a byte": (brushed([999]), 400, "RLE"),
    "rle that expands": (brushed([0, 0, 0, 0], original_width=65_535, original_height=65_535), 413, ""),
    "a megabyte of label": (clicked_at(keypointlabels=["x" * 2**20]), 400, "characters"),
    "label config missing": (without(GOOD, "label_config"), 400, "'label_config'"),
    "label config null": (changed(GOOD, label_config=None), 400, "'label_config'"),
    "label config empty": (changed(GOOD, label_config=""), 400, "label config"),
    "label config cut": (changed(GOOD, label_config=FRAMES[:-10]), 400, "label config"),
    "billion laughs": (changed(GOOD, label_config=BILLION_LAUGHS), 400, "label config"),
    "external entity": (changed(GOOD, label_config=EXTERNAL_ENTITY), 400, "label config"),
    "5 MB of config": (changed(GOOD, label_config="<View>" + "<a/>" * 1_250_000 + "</View>"), 400, "label config"),
    "50k tags": (changed(GOOD, label_config="<View>" + "<a/>" * 50_000 + "</View>"), 400, "label config"),
    "no media tag": (changed(GOOD, label_config="<View><Text name='t' value='$t'/></View>"), 400, "<Video> or <Image>"),
    "two videos": (
        video(label_config=VIDEO.replace("</View>", VIDEO.replace("clip", "b").replace("box", "c") + "</View>")),
        400,
        "ambiguous",
    ),
}


@pytest.fixture
def web() -> Iterator[FakeWeb]:
    """A web process. After the test it must answer a valid click."""
    web = FakeWeb()
    yield web
    web.media.error = None
    good = web.client().post("/predict", json=predict_body(pages_task(70), regions=[keypoint()]))
    assert good.status_code == 200
    assert len(good.json()["results"][0]["result"]) == 1


@pytest.mark.parametrize("name", BAD_BODIES)
@pytest.mark.parametrize("path", ["/predict", "/setup", "/webhook", "/train", "/versions", "/jobs"])
def test_a_body_that_is_not_json_is_refused_on_every_route(web: FakeWeb, path: str, name: str) -> None:
    body, words = BAD_BODIES[name]
    reply = web.client().post(path, content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 400
    assert words in reply.json()["detail"]


@pytest.mark.parametrize("name", BAD_CALLS)
def test_an_invalid_call_is_refused_with_a_reason(web: FakeWeb, name: str) -> None:
    body, status, words = BAD_CALLS[name]
    reply = web.client().post("/predict", json=body)
    assert (reply.status_code, words in reply.json()["detail"]) == (status, True), reply.text
    assert set(reply.json()) == PROBLEM
    assert reply.headers["content-type"] == "application/problem+json"
    assert len(reply.content) < 2_000
    assert "Traceback" not in reply.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MediaError("the file is a web page"), 422),
        (MediaError("the file has no picture"), 422),
        (NotAllowed("the address is not allowed"), 403),
    ],
)
def test_unusable_media_is_reported_at_once(web: FakeWeb, error: Exception, status: int) -> None:
    web.media.error = error
    reply = web.client().post("/predict", json=GOOD)
    assert (reply.status_code, reply.json()["detail"]) == (status, str(error))


def test_unreachable_media_is_retried_and_then_reported(web: FakeWeb) -> None:
    web.media.error = MediaUnreachable("the host does not answer")
    reply = web.client().post("/predict", json=GOOD)
    assert (reply.status_code, reply.json()["detail"]) == (503, "the host does not answer")
    assert len(web.media.opened) == 2 * 3


def test_a_body_over_the_limit_is_refused_before_it_is_read(web: FakeWeb) -> None:
    client = web.with_settings(max_body_bytes=2**20).client()
    reply = client.post("/predict", content=b"x" * (2**20 + 1), headers={"Content-Type": "application/json"})
    assert (reply.status_code, "1 MiB" in reply.json()["detail"]) == (413, True)


@pytest.mark.parametrize(
    "headers", [{"Content-Encoding": "gzip"}, {"Content-Encoding": "br"}, {"Content-Type": "text/plain"}]
)
def test_compressed_bodies_and_other_types_are_refused(web: FakeWeb, headers: dict[str, str]) -> None:
    reply = web.client().post("/predict", content=b"\x1f\x8b", headers={"Content-Type": "application/json", **headers})
    assert reply.status_code == 415


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/predict", 405),
        ("GET", "/setup", 405),
        ("DELETE", "/jobs", 405),
        ("GET", "/masks/../../etc/passwd", 404),
        ("GET", "/jobs/../../etc/passwd", 404),
        ("GET", "/jobs/%2e%2e%2fetc%2fpasswd", 404),
        ("GET", "/predict/", 404),
        ("GET", "/docs", 404),
        ("GET", "/models", 404),
        ("GET", "/jobs/p-nothing", 400),
        ("POST", "/jobs/p-nothing/cancel", 400),
        ("GET", "/jobs/p-nothing?project=1", 404),
        ("POST", "/jobs/p-nothing/cancel?project=1", 404),
        ("GET", "/jobs?limit=many", 400),
        ("GET", "/jobs?project=x", 400),
        ("GET", "/jobs?state=lost", 400),
        ("GET", "/jobs?task=7", 400),
        ("GET", "/jobs?task=1/²", 400),
    ],
)
def test_unknown_routes_and_parameters_are_refused(web: FakeWeb, method: str, path: str, status: int) -> None:
    reply = web.client().request(method, path, headers={"Content-Type": "application/json"})
    assert (reply.status_code, frozenset(reply.json())) == (status, PROBLEM)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)

Path = tuple[str | int, ...]


def places(value: object, path: Path = ()) -> Iterator[Path]:
    """The path to every value inside a JSON value."""
    yield path
    items: Iterable[tuple[str | int, object]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for name, inner in items:
        yield from places(inner, (*path, name))


def replaced(value: object, path: Path, new: object) -> object:
    """A copy with another value at that path."""
    if not path:
        return new
    if isinstance(value, dict):
        return {**value, path[0]: replaced(value[path[0]], path[1:], new)}
    assert isinstance(value, list)
    position = path[0]
    assert isinstance(position, int)
    return [*value[:position], replaced(value[position], path[1:], new), *value[position + 1 :]]


FUZZED = [GOOD, clicked_at(), boxed(), brushed([0, 0, 0, 8]), video(), predict_body(pages_task(), pages_task(9))]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_in_a_body_is_answered_or_refused(web: FakeWeb, data: st.DataObject) -> None:
    body = data.draw(st.sampled_from(FUZZED))
    path = data.draw(st.sampled_from(list(places(body))[1:]))
    reply = web.client().post("/predict", json=replaced(body, path, data.draw(JSON)))
    assert reply.status_code in (200, 400, 403, 413, 422), reply.text
    assert set(reply.json()) in (PROBLEM, {"results", "model_version"})


def test_masks_that_claim_many_pixels_are_refused_before_they_are_decoded(web: FakeWeb) -> None:
    """Each claims the largest frame in 14 kB; twelve of them would take 800 MB."""
    rle = encode_rle(np.ones((1, 2**26), np.bool_))
    regions = [
        {
            **keypoint(page=page, region_id=f"b{page}"),
            "type": "brushlabels",
            "from_name": "brush",
            "original_width": 2**13,
            "original_height": 2**13,
            "value": {"format": "rle", "rle": rle, "brushlabels": ["Cat"]},
        }
        for page in range(3)
    ]
    reply = web.client().post("/predict", json=predict_body(pages_task(), regions=list(regions)))
    assert (reply.status_code, "pixels together" in reply.json()["detail"]) == (413, True)
