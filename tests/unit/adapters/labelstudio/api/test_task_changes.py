"""Changes of tasks: fields of their data, and the counts that Label Studio loses beside a submitted annotation."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.api.task_changes import MOST_CORRECTIONS, TaskChanges
from backend.domain.errors import LabelStudioUnavailable

TOKEN = "0123456789abcdef0123456789abcdef01234567"
ANN, BEN = 1, 2


def annotation(number: int, user: int, *, was_cancelled: bool = False) -> dict[str, Any]:
    return {"id": number, "completed_by": user, "was_cancelled": was_cancelled, "result": []}


@dataclass
class Studio:
    """A Label Studio with one task. submitted: annotations that arrive within the next changes, one each.

    unavailable: so many requests for annotations fail first.
    """

    task: dict[str, Any]
    annotations: list[dict[str, Any]] = field(default_factory=list)
    submitted: list[dict[str, Any]] = field(default_factory=list)
    patched: list[dict[str, Any]] = field(default_factory=list)
    unavailable: int = 0

    def changes(self) -> TaskChanges:
        return TaskChanges(Session("http://studio", TOKEN, timeout_s=5, transport=httpx.MockTransport(self.answer)))

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/tasks/12/annotations/":
            if self.unavailable:
                self.unavailable -= 1
                return httpx.Response(503)
            return httpx.Response(200, json=self.annotations)
        assert request.url.path == "/api/tasks/12/"
        if request.method == "PATCH":
            body = json.loads(request.content)
            self.patched.append(body)
            if self.submitted:  # the whole row was read before, and is stored with the old counts
                self.annotations.append(self.submitted.pop(0))
            self.task.update(body)
        return httpx.Response(200, json=self.task)


def task(data: dict[str, Any], *, total: int = 0, cancelled: int = 0, overlap: int = 1) -> dict[str, Any]:
    counts = {"total_annotations": total, "cancelled_annotations": cancelled, "is_labeled": total >= overlap}
    return {"id": 12, "project": 3, "data": data, "overlap": overlap, **counts}


def test_a_field_is_added_to_the_data_only_if_it_is_new() -> None:
    studio = Studio(task({"video": "/v.mp4", "overlay": "/v.mp4"}))
    for _ in range(2):
        studio.changes().put_fields(12, {"overlay": "http://masklet/media/film.mp4"})
    assert studio.patched == [{"data": {"video": "/v.mp4", "overlay": "http://masklet/media/film.mp4"}}]


def test_a_field_that_is_none_is_deleted_and_others_stay() -> None:
    studio = Studio(task({"a": 1, "own": None, "worst_frame": 4}))
    studio.changes().put_fields(12, {"worst_frame": None, "worst_page": 5})
    assert studio.patched == [{"data": {"a": 1, "own": None, "worst_page": 5}}]


def test_an_annotation_that_is_submitted_within_a_change_is_counted() -> None:
    studio = Studio(task({"a": 1}), submitted=[annotation(1, ANN)])
    studio.changes().put_fields(12, {"a": 2})
    assert studio.patched == [
        {"data": {"a": 2}},
        {"total_annotations": 1, "is_labeled": True},
    ]


def test_one_that_is_submitted_within_the_correction_is_counted_too() -> None:
    skipped = annotation(2, BEN, was_cancelled=True)
    studio = Studio(task({"a": 1}, overlap=2), submitted=[annotation(1, ANN), skipped])
    studio.changes().replace_data(12, {"a": 2})
    assert studio.patched[1:] == [{"total_annotations": 1}, {"cancelled_annotations": 1}]
    assert studio.task["is_labeled"] is False


def test_a_task_that_is_kept_open_stays_so_until_enough_people_annotated_it() -> None:
    studio = Studio(task({}, total=1), annotations=[annotation(1, ANN)], submitted=[annotation(2, BEN)])
    studio.changes().keep_open(12, people=3)
    assert studio.patched == [{"overlap": 3, "is_labeled": False}, {"total_annotations": 2}]
    assert studio.task["is_labeled"] is False


def test_corrections_end_where_label_studio_does_not_take_them() -> None:
    studio = Studio(task({"a": 1}), submitted=[annotation(number, ANN) for number in range(20)])
    studio.changes().put_fields(12, {"a": 2})
    assert len(studio.patched) == 1 + MOST_CORRECTIONS


def test_counts_that_could_not_be_compared_are_compared_when_the_change_is_tried_again() -> None:
    studio = Studio(task({"a": 1}), submitted=[annotation(1, ANN)], unavailable=1)
    with pytest.raises(LabelStudioUnavailable):
        studio.changes().put_fields(12, {"a": 2})
    assert studio.task["total_annotations"] == 0
    studio.changes().put_fields(12, {"a": 2})
    assert (studio.task["data"], studio.task["total_annotations"]) == ({"a": 2}, 1)
    changes = len(studio.patched)
    studio.changes().put_fields(12, {"a": 2})
    assert len(studio.patched) == changes


def test_the_log_names_the_task(caplog: pytest.LogCaptureFixture) -> None:
    Studio(task({"a": 1}), submitted=[annotation(1, ANN)]).changes().put_fields(12, {"a": 2})
    assert "task 12: Label Studio lost count of its annotations" in caplog.text
