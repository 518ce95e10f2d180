"""`masklet train` and `masklet models` on trained checkpoints, in the test's own process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.domain.training.rows import LeftOutVideo, TrainingRequest, TrainingState, UsedLabels, UsedVideo
from tests.fakes.commands import Done, masklet
from tests.fakes.trainings import ID, OTHER_ID, result, write_trained


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    opened = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite", SystemClock())
    yield opened
    opened.close()


def run(folder: Path, *arguments: str, **variables: str) -> Done:
    environment = {
        "MASKLET_DATA_DIR": str(folder),
        "LABEL_STUDIO_URL": "http://127.0.0.1:9",
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "COLUMNS": "200",
        **variables,
    }
    return masklet(*arguments, environment=environment)


def finished(ledger: SqlLedger) -> None:
    """A training of project 7 with a better checkpoint."""
    ledger.open_training(ID, TrainingRequest(7, "auto", 15.0, user="lead@example.org"))
    ledger.begin_training(ID, 1, "w")
    video = UsedVideo(41, "cat.mp4", 3, 2, ("ann@example.org",), ("bea@example.org",))
    ledger.describe_training(ID, 1, base="tiny", labels=UsedLabels((video,), (LeftOutVideo(42, "dog", "Gone."),)))
    ledger.end_training(ID, 1, TrainingState.DONE, result=result(), note="It is offered.")


def test_a_training_is_queued_once_and_cancelled(tmp_path: Path, ledger: SqlLedger) -> None:
    started = run(tmp_path, "train", "project:7", "--minutes", "5", "--what", "memory", "--no-wait", "--from", "demo")
    assert started.code == 0, started.stderr
    (training,) = ledger.trainings()
    assert started.stdout == f"Training {training.name} is queued.\n"
    request = training.request
    assert (request.minutes, request.parts.value, request.base, request.verdicts) == (
        5.0,
        "memory",
        "demo",
        "satisfactory",
    )
    again = run(tmp_path, "train", "start", "project:7")
    assert (again.code, again.stdout) == (2, "")
    assert f"masklet train cancel {training.name}" in again.stderr
    cancelled = run(tmp_path, "train", "cancel", training.name)
    assert cancelled.stdout == f"Training {training.name} is cancelled.\n"
    assert ledger.training(training.training_id).state is TrainingState.CANCELLED


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("7",), "No such command"),
        (("start", "7"), "project:7"),
        (("project:7", "--minutes", "0"), "at most 10080 minutes"),
        (("project:7", "--verdict", "good"), "--verdict takes all"),
        (("project:7", "--annotator", "each"), "a training takes --annotator auto"),
        (("project:7", "--from", "p7-none"), "there is no checkpoint 'p7-none'"),
        (("cancel", "p7-none"), "there is no training 'p7-none'"),
        (("report", "project:9"), "was never trained on"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    refused = run(tmp_path, "train", *arguments)
    assert refused.code != 0
    assert message in refused.stderr


def test_trainings_are_listed_with_their_gain(tmp_path: Path, ledger: SqlLedger) -> None:
    assert run(tmp_path, "train", "status").stdout == "No training yet.\n"
    finished(ledger)
    ledger.open_training(OTHER_ID, TrainingRequest(7))
    listed = run(tmp_path, "train", "status", "project:7", "--json", str(tmp_path / "out.json")).stdout
    assert "+0.110 (+0.040 to +0.180)" in listed
    assert "waits for a train worker" in listed
    (_, done) = json.loads((tmp_path / "out.json").read_text())
    assert done["result"]["before"]["calibration_error"] is None
    assert done["labels"]["videos"][0]["approvers"] == ["bea@example.org"]
    assert run(tmp_path, "train", "report", "p7-3f9a1c").code == 2
    (tmp_path / "trainings" / ID).mkdir(parents=True)
    (tmp_path / "trainings" / ID / "report.html").write_text("a page")
    written = run(tmp_path, "train", "report", "p7-3f9a1c", "--out", str(tmp_path / "page.html"))
    assert written.stdout == f"The report is in {tmp_path}/page.html.\n"
    assert (tmp_path / "page.html").read_text() == "a page"


def test_trained_models_are_used_and_moved(tmp_path: Path) -> None:
    write_trained(tmp_path / "models", "p7-3f9a1c")
    used = run(tmp_path, "models", "use", "p7-3f9a1c")
    assert (used.code, "p7-3f9a1c is in use" in used.stdout) == (0, True), used.stderr
    listed = run(tmp_path, "models", "list").stdout
    (line,) = (line for line in listed.splitlines() if "p7-3f9a1c" in line)
    assert [word in line for word in ("yes", "trained", "tiny", "+0.110 (+0.040 to +0.180)")] == [True] * 4
    path = run(tmp_path, "models", "path").stdout
    assert path == f"{tmp_path}/models/trained/p7-3f9a1c/weights.safetensors\n"
    exported = run(tmp_path, "models", "export", "p7-3f9a1c", str(tmp_path / "one.zip"))
    assert exported.code == 0, exported.stderr
    other = tmp_path / "other"
    imported = run(other, "models", "import", str(tmp_path / "one.zip"))
    assert (imported.code, "masklet models use p7-3f9a1c" in imported.stdout) == (0, True), imported.stderr
    back = run(tmp_path, "models", "rollback")
    assert back.stdout == "p7-3f9a1c is not in use any more; the best one present is.\n"
    assert run(tmp_path, "models", "rollback").code == 2
    named = run(tmp_path, "models", "use", "p7-3f9a1c", MASKLET_MODEL="demo")
    assert "set it to auto" in named.stderr


def test_train_workers_alone_end_when_idle(tmp_path: Path) -> None:
    refused = run(tmp_path, "worker", "propagate", "--until-idle")
    assert (refused.code, "--until-idle is of train workers" in refused.stderr) == (2, True)
    refused = run(tmp_path, "worker", "train", LABEL_STUDIO_URL="")
    assert (refused.code, "LABEL_STUDIO_URL" in refused.stderr) == (2, True)
