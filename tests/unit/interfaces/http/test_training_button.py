"""Label Studio's button Start Training, with the bodies that Label Studio 1.23 sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.domain.training import TrainedPart
from backend.domain.training.rows import TrainingState
from tests.fakes.trainings import ID, web_trainings
from tests.fakes.web import FakeWeb, TestClient

PROJECT = {"id": 7, "title": "Cats", "label_config": "<View/>", "task_number": 3, "finished_task_number": 2}
BUTTON = ("/webhook", {"action": "START_TRAINING", "project": PROJECT})
OLDER = (
    "/train",
    {"annotations": [{"id": 7, "annotations": []}], "project": "7.1700000000", "label_config": "<View/>"},
)
SDK = ("/train", {"action": "START_TRAINING", "project": PROJECT})


@pytest.fixture
def web(tmp_path: Path) -> FakeWeb:
    made = FakeWeb()
    trainings = web_trainings(ledger_of(made), tmp_path, train_minutes=15.0, train_what="memory")
    made.parts = replace(made.parts, trainings=trainings)
    return made


def ledger_of(web: FakeWeb) -> SqlLedger:
    assert isinstance(web.stored, SqlLedger)
    return web.stored


def press(
    client: TestClient, call: tuple[str, object], auth: tuple[str, str] | None = None
) -> tuple[int, dict[str, object]]:
    reply = client.post(call[0], json=call[1], auth=auth)
    return reply.status_code, reply.json()


@pytest.mark.parametrize("calls", [(BUTTON, BUTTON), (OLDER, BUTTON), (SDK, OLDER)])
def test_the_button_starts_one_training(web: FakeWeb, calls: Sequence[tuple[str, object]]) -> None:
    client = web.client()
    status, first = press(client, calls[0])
    (training,) = ledger_of(web).trainings()
    assert (status, first["job"], first["job_status"]) == (201, training.training_id, "queued")
    request = training.request
    assert (request.project_id, request.minutes, request.parts) == (7, 15.0, TrainedPart.MEMORY)
    status, second = press(client, calls[1])
    assert (status, second["job"]) == (200, training.training_id)
    assert second["detail"] == f"training {training.name} of this project is queued already"
    assert len(ledger_of(web).trainings()) == 1


def test_label_studio_asks_for_the_state(web: FakeWeb) -> None:
    client = web.client()
    _, started = press(client, BUTTON)
    job = str(started["job"])
    ledger_of(web).begin_training(job, 1, "w")
    ledger_of(web).end_training(job, 1, TrainingState.FAILED, reason="Too few labels.")
    status, told = press(client, ("/job_status", {"job": job}))
    assert (status, told["job_status"], told["error"]) == (200, "failed", "Too few labels.")
    assert press(client, ("/job_status", {"job": ID}))[0] == 410
    assert press(client, ("/job_status", {}))[0] == 400


def test_without_a_label_studio_nothing_is_trained() -> None:
    status, told = press(FakeWeb().client(), BUTTON)
    assert (status, told["status"]) == (200, "ignored")


@pytest.mark.parametrize("project", [None, {}, {"id": "7"}, {"id": -1}, "7"])
def test_a_project_that_is_none_is_refused(web: FakeWeb, project: object) -> None:
    status, told = press(web.client(), ("/webhook", {"action": "START_TRAINING", "project": project}))
    assert status == 400
    assert "project" in str(told)


def test_the_button_has_the_login_in_place_of_the_secret(web: FakeWeb) -> None:
    client = web.with_settings(user="annie", password="open", webhook_secret="s3cret").client()
    assert press(client, BUTTON)[0] == 403
    assert press(client, BUTTON, auth=("annie", "wrong"))[0] == 403
    assert press(client, BUTTON, auth=("annie", "open"))[0] == 201
