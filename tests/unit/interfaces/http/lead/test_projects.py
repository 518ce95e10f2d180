"""A project as its lead sees it: tasks with filters, counts, people, verdicts."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from backend.application.jobs.queries import newest_propagation
from backend.application.player.project_verdicts import ProjectVerdicts
from backend.application.player.verdicts import run_verdicts
from backend.codecs.coco_rle import CocoCodec
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from tests.fakes.web import TestClient
from tests.unit.interfaces.http.lead.builders import PROJECT, LeadWeb, propagated
from tests.unit.interfaces.http.player.builders import CLICK, TASK

Json = dict[str, Any]


def tasks(client: TestClient, query: str = "") -> dict[int, Json]:
    return {each["task"]: each for each in client.get(f"{PROJECT}/tasks?{query}").json()["tasks"]}


@pytest.fixture
def web() -> LeadWeb:
    return LeadWeb()


def listed(web: LeadWeb, session_id: str = "ann-1") -> TestClient:
    """A lead for whom Label Studio's list of tasks was read."""
    client = web.client(session_id)
    web.lead.listing._run = lambda work: work()
    client.get(f"{PROJECT}/tasks")
    return client


def test_everybodys_work_is_in_one_list(web: LeadWeb) -> None:
    ann, cem, lead = web.person("ann-1"), web.person("cem-1"), listed(web)
    propagated(web, ann, "Cat", "Dog")
    cem.put(f"{TASK}/prompts/4/Cat", json=CLICK)
    before = lead.get(f"{PROJECT}/tasks").json()
    assert (before["total"], before["of"], before["unread"], before["is_listed"]) == (2, 2, 1, True)
    assert before["counts"]["states"] == {"untouched": 1, "prompted": 1, "running": 0, "done": 0, "failed": 0}
    assert before["counts"]["people"] == {"ann@example.org": 1, "cem@example.org": 1}
    assert before["counts"]["needing_masks"] == 1
    web.lead.sweep()
    found = tasks(lead)
    assert [each["state"] for each in found[8]["people"]] == ["done", "prompted"]
    assert (found[8]["labels"], found[8]["unread"]) == ({"Cat": 1, "Dog": 1}, 0)
    assert 0.0 <= found[8]["uncertainty"] <= 1.0
    assert found[8]["label_studio"] == "http://localhost:8080/projects/2/data?task=8"
    assert (found[9]["state"], found[9]["agreement"]) == ("untouched", None)
    assert found[9]["thumbnail"] == "/api/lead/tasks/2/9/thumbnail?of=video"


def test_filters_and_order(web: LeadWeb) -> None:
    ann, lead = web.person("ann-1"), listed(web)
    propagated(web, ann)
    tasks(lead)  # somebody looks: the masks are read
    web.lead.sweep()
    kept = {
        "state=done": [8],
        "state=untouched,prompted": [9],
        "label=Cat": [8],
        "label=Dog": [],
        "person=ann@example.org": [8],
        "person=cem@example.org": [],
        "uncertainty_from=0": [8],
        "uncertainty_from=1": [],
        "agreement_to=1": [],
        "text=9": [9],
        "verdict=none": [8, 9],
        "order=uncertainty": [8, 9],
        "order=newest&page_size=1": [8],
        "page=2&page_size=1": [9],
    }
    assert {query: list(tasks(lead, query)) for query in kept} == kept


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("state=x", "state takes some of untouched, prompted, running, done, failed with commas between, not 'x'"),
        ("uncertainty_from=2", "uncertainty_from must be a number from 0 to 1, not '2'"),
        ("order=x", "order must be one of number, name, uncertainty, agreement, newest, not 'x'"),
        ("page=x", "page must be a whole number, not 'x'"),
        ("page_size=999", "page_size must be a whole number from 1 to 200, got 999"),
        ("as=x", "as must be json or csv, not 'x'"),
    ],
)
def test_a_filter_that_cannot_be_read_is_named(web: LeadWeb, query: str, sentence: str) -> None:
    reply = web.client().get(f"{PROJECT}/tasks?{query}")
    assert (reply.status_code, reply.json()["detail"]) == (400, sentence)


def test_tables_are_csv_without_formulas(web: LeadWeb) -> None:
    ann, lead = web.person("ann-1"), listed(web)
    propagated(web, ann)
    lead.post(f"{PROJECT}/verdicts", json={"tasks": [8], "verdict": "redo", "comment": "=1+1"})
    reply = lead.get(f"{PROJECT}/tasks?as=csv&state=done")
    assert reply.headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(reply.text))
    assert (row["task"], row["people"], row["labels"], row["comment"]) == ("8", "ann@example.org", "Cat=1", "'=1+1")
    (label,) = csv.DictReader(io.StringIO(lead.get(f"{PROJECT}/labels?as=csv").text))
    assert (label["label"], label["objects"], label["clicks"]) == ("Cat", "1", "1")
    (person,) = csv.DictReader(io.StringIO(lead.get(f"{PROJECT}/people?as=csv").text))
    assert (person["user"], person["clicks"], person["trust"]) == ("ann@example.org", "1", "")
    assert lead.get(f"{PROJECT}/queues?as=csv").text == "stage\r\n"


def test_an_accepted_task_counts_until_its_masks_change(web: LeadWeb) -> None:
    ann, cem, lead = web.person("ann-1"), web.person("cem-1"), listed(web)
    propagated(web, ann)
    propagated(web, cem, x_rel=0.6)
    body = {"tasks": [8, 9], "verdict": "satisfactory", "comment": "good"}
    assert lead.post(f"{PROJECT}/verdicts", json=body).json() == {
        "tasks": [{"task": 8, "refused": ""}, {"task": 9, "refused": "It has no masks yet; process it first."}]
    }
    assert {key: tasks(lead)[8][key] for key in ("verdict", "comment", "given_by")} == {
        "verdict": "satisfactory",
        "comment": "good",
        "given_by": ["ann@example.org"],
    }
    assert list(tasks(lead, "verdict=satisfactory")) == [8]
    (reported,) = ProjectVerdicts(web.web.stored, web.lead.state.timelines).of(2)
    assert (reported.user, reported.state) == ("ann@example.org", "satisfactory")
    cem.put(f"{TASK}/prompts/5/Cat", json=CLICK)
    assert tasks(lead)[8]["verdict"] == "satisfactory", "the lead's own masks did not change"
    ann.put(f"{TASK}/prompts/5/Cat", json=CLICK)
    assert tasks(lead)[8]["verdict"] == "outdated"
    lead.post(f"{PROJECT}/verdicts", json={"tasks": [8], "verdict": None})
    assert tasks(lead)[8]["verdict"] == "none"


def test_a_lead_without_masks_judges_those_of_all() -> None:
    web = LeadWeb(("cem@example.org",))
    ann, lead = web.person("ann-1"), listed(web, "cem-1")
    propagated(web, ann)
    lead.post(f"{PROJECT}/verdicts", json={"tasks": [8], "verdict": "redo", "comment": "the tail"})
    (reported,) = ProjectVerdicts(web.web.stored, web.lead.state.timelines).of(2)
    assert (reported.user, reported.state, reported.shown.given.comment) == ("cem@example.org", "redo", "the tail")
    job = newest_propagation(web.web.stored, TaskKey(2, 8))
    assert job is not None
    counting = run_verdicts(web.web.stored, web.web.masks, CocoCodec(), job)
    assert counting.state(ObjectId("Cat")) == "redo"
    assert ann.get(TASK).json()["objections"] == [{"verdict": "redo", "comment": "the tail"}]
    ann.put(f"{TASK}/prompts/5/Cat", json=CLICK)
    assert ann.get(TASK).json()["objections"] == []
    assert tasks(lead)[8]["verdict"] == "outdated"
    (reported,) = ProjectVerdicts(web.web.stored, web.lead.state.timelines).of(2)
    assert reported.state == "outdated"


def test_a_task_is_not_judged_while_masks_are_made(web: LeadWeb) -> None:
    ann, lead = web.person("ann-1"), web.client()
    ann.put(f"{TASK}/prompts/4/Cat", json=CLICK)
    ann.post(f"{TASK}/propagations", json={"start": 0})
    (judged,) = lead.post(f"{PROJECT}/verdicts", json={"tasks": [8], "verdict": "redo"}).json()["tasks"]
    assert "Masks are being made" in judged["refused"]


def test_effort_is_of_the_prompts_and_the_beats(web: LeadWeb) -> None:
    ann, lead = web.person("ann-1"), listed(web)
    propagated(web, ann)
    for _ in range(3):
        web.web.clock.advance(10.0)  # type: ignore[attr-defined]
        assert ann.post(f"{TASK}/activity", json={"object": "Cat"}).json() == {"is_recorded": True}
    tasks(lead)
    web.lead.sweep()
    (person,) = lead.get(f"{PROJECT}/people").json()["people"]
    effort = person["effort"]
    assert (effort["clicks"], effort["edited_frames"], effort["frames"], effort["active_s"]) == (1, 1, 10, 20.0)
    assert (effort["seconds_per_frame"], effort["edited_share"]) == (2.0, 0.1)
    assert [(each["phase"], each["size"]) for each in person["sizes"]] == [("project", "small")]
    assert (person["trust"], person["trust_over_time"]) == (None, [])


def test_effort_can_be_switched_off(web: LeadWeb) -> None:
    web.web.with_settings(effort=False)
    web.app = web.web.app
    ann, lead = web.person("ann-1"), web.client()
    propagated(web, ann)
    for _ in range(2):
        web.web.clock.advance(10.0)  # type: ignore[attr-defined]
        assert ann.post(f"{TASK}/activity", json={"object": None}).json() == {"is_recorded": False}
    assert web.web.stored.active_times(2) == ()
    shown = lead.get(f"{PROJECT}/people").json()
    assert (shown["is_effort_recorded"], shown["people"][0]["effort"]) == (False, None)
    assert ann.get(TASK).json()["effort"] is False


def test_what_was_ordered_is_propagated_and_told(web: LeadWeb) -> None:
    ann, lead = web.person("ann-1"), listed(web)
    ann.put(f"{TASK}/prompts/4/Cat", json=CLICK)
    placed = lead.post(f"{PROJECT}/orders", json={"tasks": None}).json()
    assert (placed["orders"], placed["waiting"], placed["is_open"]) == (1, 1, True)
    assert lead.post(f"{PROJECT}/orders", json={}).json()["orders"] == 1, "an order is placed once"
    web.lead.processing.sweep()
    assert tasks(lead)[8]["state"] == "running"
    web.web.work_off_all()
    done = lead.get(f"{PROJECT}/orders").json()
    assert (done["finished"], done["share"], done["is_open"]) == (1, 1.0, False)
    assert tasks(lead)[8]["state"] == "done"


def test_a_cancelled_order_ends_its_job(web: LeadWeb) -> None:
    ann, lead = web.person("ann-1"), web.client()
    ann.put(f"{TASK}/prompts/4/Cat", json=CLICK)
    lead.post(f"{PROJECT}/orders", json={"tasks": [8]})
    web.lead.processing.sweep()
    cancelled = lead.delete(f"{PROJECT}/orders").json()
    assert (cancelled["cancelled"], cancelled["is_open"]) == (1, False)
    assert tasks(lead)[8]["state"] == "prompted"
