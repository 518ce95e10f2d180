"""Calls of the `context.event` protocol as a client in the page makes them, and its masks read back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.fakes.web import VIDEO, TestClient, video_task

Json = dict[str, Any]


def point(x: float = 50.0, y: float = 50.0, **more: object) -> Json:
    return {"type": "keypointlabels", "value": {"x": x, "y": y}, **more}


def box(x: float = 10.0, y: float = 10.0, width: float = 50.0, height: float = 50.0) -> Json:
    return {"type": "rectanglelabels", "value": {"x": x, "y": y, "width": width, "height": height}}


def body(event: str | None, context: Mapping[str, object], **changes: object) -> Json:
    """A /predict body; changes replace its fields."""
    named = {} if event is None else {"event": event}
    return {
        "tasks": [video_task()],
        "project": "2.1700000000",
        "label_config": VIDEO,
        "params": {"context": {**named, **context}},
        **changes,
    }


def ask(
    client: TestClient, event: str | None, *, changes: Mapping[str, object] | None = None, **context: object
) -> Json:
    """The one item of the reply; {} for a reply without one."""
    reply = client.post("/predict", json=body(event, context, **(changes or {})))
    assert reply.status_code == 200, reply.text
    (entry,) = reply.json()["results"]
    items: list[Json] = entry["result"]
    return items[0] if items else {}


def refusal(
    client: TestClient, event: object, *, changes: Mapping[str, object] | None = None, **context: object
) -> tuple[int, str]:
    """Status and detail of a refused call."""
    document = body(None, {"event": event, **context}, **(changes or {}))
    reply = client.post("/predict", json=document)
    return reply.status_code, reply.json()["detail"]


def pixels(picture: Mapping[str, Any]) -> NDArray[np.uint8]:
    """[H, W] grey, as the PNG has it."""
    prefix, _, encoded = picture["imageDataURL"].partition(",")
    assert prefix == "data:image/png;base64"
    image = cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    assert image.shape == (picture["height"], picture["width"])
    return image.astype(np.uint8)


def columns(picture: Mapping[str, Any]) -> list[int]:
    """The columns of the picture that the mask touches."""
    touched: list[int] = np.flatnonzero(pixels(picture).max(axis=0)).tolist()
    return touched


def read_all(client: TestClient, session_id: str, *, cursor: int | None = None) -> Json:
    """Progress until done: the last reply's value, with all frames."""
    frames: list[Json] = []
    while True:
        named: Json = {} if cursor is None else {"cursor": cursor}
        value: Json = ask(client, "track_progress", changes=None, session_id=session_id, **named)["value"]
        frames += value.get("frames", [])
        if value["done"]:
            return {**value, "frames": frames}
        cursor = None if cursor is None else value["cursor"]
