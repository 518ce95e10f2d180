"""Requests of a person with a page, and what is drawn on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from backend.adapters.labelstudio.mask_forms.brush_rle import encode_rle
from backend.domain.tasks import TaskKey
from tests.fakes.engine import SIZE
from tests.fakes.web import FRAMES, FakeWeb, pages_task, predict_body

TASK = TaskKey(1, 7)
ANN = "ann@example.org"
BEN = "ben@example.org"


def ask(web: FakeWeb, task: dict[str, object], *regions: dict[str, object], config: str = FRAMES) -> list[Any]:
    project = f"{task['project']}.17"
    body = predict_body(task, label_config=config, project=project, regions=list(regions))
    reply = web.client().post("/predict", json=body)
    assert reply.status_code == 200, reply.text
    return list(reply.json()["results"][0]["result"])


def task_of(user: str, *drawn: dict[str, Any]) -> dict[str, object]:
    """The task in a request of a user whose draft has these regions."""
    return {**pages_task(), "drafts": [{"user": user, "updated_at": "2026-01-01", "result": list(drawn)}]}


def brush(label: str = "Cat", *, page: int, columns: slice, region_id: str = "h1") -> dict[str, Any]:
    mask = np.zeros((SIZE.height, SIZE.width), np.bool_)
    mask[:, columns] = True
    return {
        "id": region_id,
        "type": "brushlabels",
        "from_name": "brush",
        "to_name": "img",
        "item_index": page,
        "original_width": SIZE.width,
        "original_height": SIZE.height,
        "value": {"format": "rle", "rle": encode_rle(mask), "brushlabels": [label]},
    }


def object_pages(regions: list[Any]) -> list[tuple[str, int]]:
    return sorted((region["value"]["brushlabels"][0], region["item_index"]) for region in regions)
