"""A project's tasks with their states, and its summary."""

from __future__ import annotations

import pytest

from tests.fakes.web import TestClient
from tests.unit.interfaces.http.player.builders import CLICK, TASK, LabelStudioUsers, PlayerWeb

PROJECT = "/api/player/projects/2"
NONE_GIVEN = {"satisfactory": 0, "redo": 0, "reject": 0, "skipped": 0}
UNTOUCHED = {"state": "untouched", "objects": 0, "human_frames": 0, "verdict": None, "object_verdicts": {}}


def states(client: TestClient) -> list[str]:
    return [each["state"] for each in client.get(f"{PROJECT}/tasks").json()["tasks"]]


def test_tasks_are_listed_with_their_states() -> None:
    web = PlayerWeb(LabelStudioUsers())
    ann, cem = web.opened("ann-1"), web.client("cem-1")
    assert ann.get(f"{PROJECT}/tasks").json() == {
        "tasks": [{"task": 8, **UNTOUCHED}, {"task": 9, **UNTOUCHED}],
        "total": 2,
    }
    ann.put(f"{TASK}/prompts/4/Cat", json=CLICK)
    assert states(ann) == ["prompted", "untouched"]
    ann.post(f"{TASK}/propagations", json={"start": 4})
    assert states(ann) == ["running", "untouched"]
    web.web.work_off_all()
    assert states(ann) == ["done", "untouched"]
    assert states(cem) == ["untouched", "untouched"]


def test_a_summary_counts_what_the_person_did() -> None:
    web = PlayerWeb(LabelStudioUsers())
    ann, cem = web.opened("ann-1"), web.client("cem-1")
    for name in ("Cat", "Dog"):
        ann.put(f"{TASK}/prompts/4/{name}", json={**CLICK, "label": name})
    ann.put(f"{TASK}/approvals", json={"object": "Cat", "start": 4, "stop": 5})
    ann.put(f"{TASK}/verdicts/Cat", json={"verdict": "satisfactory"})
    ann.put(f"{TASK}/verdicts", json={"verdict": "skipped", "comment": "too dark"})
    (first, _) = ann.get(f"{PROJECT}/tasks").json()["tasks"]
    assert (first["verdict"], first["object_verdicts"]) == ("skipped", {"Cat": "satisfactory"})
    assert ann.get(f"{PROJECT}/summary").json() == {
        "tasks": 2,
        "prompted_tasks": 1,
        "objects": 2,
        "human_frames": 1,
        "task_verdicts": {**NONE_GIVEN, "skipped": 1},
        "object_verdicts": {**NONE_GIVEN, "satisfactory": 1},
    }
    assert cem.get(f"{PROJECT}/summary").json()["prompted_tasks"] == 0


def test_tasks_come_in_pages() -> None:
    ann = PlayerWeb(LabelStudioUsers()).client("ann-1")
    second = ann.get(f"{PROJECT}/tasks?page=2&page_size=1").json()
    assert ([each["task"] for each in second["tasks"]], second["total"]) == ([9], 2)
    past = ann.get(f"{PROJECT}/tasks?page=3&page_size=1")
    assert (past.status_code, past.json()["detail"]) == (404, "project 2 has no page 3 of 1 tasks")
    assert ann.get(f"{PROJECT}/tasks?page_size=101").status_code == 400


@pytest.mark.parametrize("call", ["tasks", "summary"])
def test_a_project_that_label_studio_hides_is_refused(call: str) -> None:
    web = PlayerWeb(LabelStudioUsers())
    reply = web.client("bob-1").get(f"{PROJECT}/{call}")
    assert (reply.status_code, reply.json()["detail"]) == (403, "Label Studio does not show project 2 to you")
    assert web.client().get(f"{PROJECT}/{call}").status_code == 401
    assert PlayerWeb().client().get(f"{PROJECT}/{call}").status_code == 503
