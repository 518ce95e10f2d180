"""Trainings on the lead's page: started once, cancelled, reported, activated and rolled back."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.ports.training.queue import ActiveModel
from backend.bootstrap.training.model_use import model_uses
from backend.bootstrap.training.web import WebTrainings
from backend.domain.training import TrainingProgress
from backend.domain.training.rows import TrainingRequest, TrainingState
from tests.fakes.trainings import ID, result, web_trainings, write_trained
from tests.unit.interfaces.http.lead.builders import PROJECT, LeadWeb

NAME = "p2-3f9a1c"


@pytest.fixture
def web(tmp_path: Path) -> LeadWeb:
    made = LeadWeb()
    made.web.parts = replace(made.web.parts, trainings=web_trainings(ledger_of(made), tmp_path, train_minutes=20.0))
    made.app = made.web.app
    return made


def ledger_of(web: LeadWeb) -> SqlLedger:
    stored = web.web.stored
    assert isinstance(stored, SqlLedger)
    return stored


def parts_of(web: LeadWeb) -> WebTrainings:
    assert web.web.parts.trainings is not None
    return web.web.parts.trainings


def finished(web: LeadWeb, folder: Path) -> None:
    """A training of project 2 whose checkpoint is in the model folder."""
    ledger = ledger_of(web)
    ledger.open_training(ID, TrainingRequest(2))
    ledger.begin_training(ID, 1, "w")
    ledger.record_training_heartbeat(ID, 1, TrainingProgress("trains", 0.5, {"loss": math.nan}))
    ledger.end_training(ID, 1, TrainingState.DONE, result=result(checkpoint=NAME))
    (write_trained(folder / "models", NAME) / "report.html").write_text("<p>a page</p>")


def test_a_training_is_started_once_and_cancelled(web: LeadWeb) -> None:
    client = web.client()
    listed = client.post(f"{PROJECT}/trainings", json={"what": "memory", "activate_if_better": True}).json()
    (training,) = listed["trainings"]
    (row,) = ledger_of(web).trainings()
    assert (row.request.minutes, row.request.parts.value, row.request.activates) == (20.0, "memory", True)
    assert (training["state"], training["user"], listed["workers"]) == ("queued", "ann@example.org", 0)
    again = client.post(f"{PROJECT}/trainings", json={})
    assert (again.status_code, f"training {row.name} of this project is queued" in again.json()["detail"]) == (
        400,
        True,
    )
    ledger_of(web).begin_training(row.training_id, 1, "w")
    (ending,) = client.request("DELETE", f"{PROJECT}/trainings/{row.name}", json={}).json()["trainings"]
    assert (ending["state"], ending["is_ending"]) == ("running", True)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"minutes": "5"}, "minutes"),
        ({"minutes": 0}, "minutes"),
        ({"what": "x"}, "what"),
        ({"activate_if_better": 1}, "activate"),
    ],
)
def test_wrong_choices_are_named(web: LeadWeb, body: dict[str, object], named: str) -> None:
    refused = web.client().post(f"{PROJECT}/trainings", json=body)
    assert (refused.status_code, named in refused.json()["detail"]) == (400, True)
    assert ledger_of(web).trainings() == ()


def test_a_checkpoint_is_used_and_rolled_back(web: LeadWeb, tmp_path: Path) -> None:
    finished(web, tmp_path)
    client = web.client()
    (training,) = client.get(f"{PROJECT}/trainings").json()["trainings"]
    assert (training["is_here"], training["is_active"], training["figures"]) == (True, False, {"loss": None})
    assert training["gain"]["low"] == 0.04
    assert training["gain"]["before"]["calibration_error"] is None
    report = client.get(training["report"])
    assert (report.text, "default-src 'none'" in report.headers["content-security-policy"]) == ("<p>a page</p>", True)
    used = client.post(f"{PROJECT}/model", json={"training": NAME}).json()
    assert (used["active"], used["trainings"][0]["is_active"]) == (NAME, True)
    active = model_uses(parts_of(web).container).active()
    assert isinstance(active, ActiveModel)
    assert active.by == "ann@example.org"
    assert client.post(f"{PROJECT}/model", json={"training": None}).json()["active"] == ""
    assert client.post(f"{PROJECT}/model", json={"training": None}).status_code == 404
    assert client.post(f"{PROJECT}/model", json={"training": 5}).status_code == 400


def test_a_named_model_and_a_missing_file_are_told(web: LeadWeb, tmp_path: Path) -> None:
    finished(web, tmp_path)
    named = web_trainings(ledger_of(web), tmp_path, model="demo")
    web.web.parts = replace(web.web.parts, trainings=named)
    web.app = web.web.app
    client = web.client()
    refused = client.post(f"{PROJECT}/model", json={"training": NAME})
    assert (refused.status_code, "MASKLET_MODEL=demo" in refused.json()["detail"]) == (400, True)
    (tmp_path / "models/trained" / NAME / "weights.safetensors").unlink()
    (training,) = client.get(f"{PROJECT}/trainings").json()["trainings"]
    assert training["is_here"] is False
    assert client.get(f"{PROJECT}/trainings/p2-none/report").status_code == 404


def test_only_leads_see_trainings(web: LeadWeb) -> None:
    assert web._client("cem-1").post(f"{PROJECT}/trainings", json={}).status_code in (401, 403)
    assert ledger_of(web).trainings() == ()
