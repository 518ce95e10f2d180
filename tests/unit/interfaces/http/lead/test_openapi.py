"""The OpenAPI document of the lead's API: real answers have the described forms."""

from __future__ import annotations

from tests.unit.interfaces.http.lead.builders import PROJECT, LeadWeb, propagated
from tests.unit.interfaces.http.player.builders import CLICK, TASK
from tests.unit.interfaces.http.player.test_openapi import Checked, operations


def test_answers_have_the_described_forms(pictured: LeadWeb) -> None:
    document = pictured.app.openapi()
    ann, cem = pictured.person("ann-1"), pictured.person("cem-1")
    propagated(pictured, ann)
    cem.put(f"{TASK}/prompts/3/Dog", json={**CLICK, "label": "Dog"})
    ann.post(f"{TASK}/activity", json={"object": "Cat"})
    checked = Checked(pictured._client("ann-1"), document, prefix="/api/lead")
    checked.call("GET", f"{PROJECT}/tasks", status=401)
    checked.call("POST", "/api/lead/session", {})
    checked.call("GET", "/api/lead/projects")
    assert checked.call("GET", f"{PROJECT}/tasks?order=uncertainty")["tasks"]
    checked.call("GET", f"{PROJECT}/tasks?as=csv")
    checked.call("POST", f"{PROJECT}/verdicts", {"tasks": [8], "verdict": "redo", "comment": "the tail"})
    pictured.lead.sweep()
    for table in ("tasks", "labels", "people", "queues", "review"):
        checked.call("GET", f"{PROJECT}/{table}")
    checked.call("POST", f"{PROJECT}/orders", {"tasks": None}, status=202)
    checked.call("GET", f"{PROJECT}/orders")
    checked.call("DELETE", f"{PROJECT}/orders")
    checked.call("GET", "/api/lead/tasks/2/8/thumbnail")
    checked.call("GET", "/api/lead/tasks/2/8/report")
    checked.call("GET", f"{PROJECT}/exports")
    checked.call("POST", f"{PROJECT}/exports", {"format": "coco"}, status=503)
    checked.call("DELETE", f"{PROJECT}/exports/000001", status=503)
    checked.call("GET", f"{PROJECT}/exports/000001/archive", status=503)
    checked.call("GET", f"{PROJECT}/trainings")
    (training,) = checked.call("POST", f"{PROJECT}/trainings", {"minutes": 5}, status=202)["trainings"]
    checked.call("GET", f"{PROJECT}/trainings/{training['name']}/report", status=404)
    checked.call("DELETE", f"{PROJECT}/trainings/{training['name']}")
    checked.call("POST", f"{PROJECT}/model", {"training": training["name"]}, status=404)
    assert checked.called == {(method, path) for method, path, _ in operations(document, "/api/lead")}
