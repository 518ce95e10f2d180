"""`masklet report` and `masklet status` on verdicts, on a data folder without Label Studio and without a queue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.domain.errors import NotFound
from backend.domain.jobs import JobKind, PropagationRequest
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.verdicts import NO_MASKS, GivenVerdict, Verdict
from backend.interfaces.cli import app
from tests.fakes.clock import FakeClock

ANN = "ann@example.org"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with three verdicts in project 7."""
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("MASKLET_DATA_DIR", str(data))
    for name in ("DATABASE_URL", "REDIS_URL", "LABEL_STUDIO_URL"):
        monkeypatch.delenv(name, raising=False)
    ledger = open_ledger(f"sqlite:///{data}/ledger.sqlite", FakeClock())
    ledger.set_verdict(TaskKey(7, 12), GivenVerdict(None, Verdict.REDO, "the [tail]", NO_MASKS), user=ANN)
    ledger.set_verdict(TaskKey(7, 13), GivenVerdict(None, Verdict.SKIPPED, "", NO_MASKS), user=ANN)
    ledger.set_verdict(TaskKey(7, 13), GivenVerdict(ObjectId("Cat"), Verdict.REDO, "", "old masks"), user=ANN)
    request = PropagationRequest(TaskKey(7, 12), MediaRef(("/data/clip.mp4",), is_pages=False), PromptSet.of([], {}))
    ledger.submit(JobKind.PROPAGATE, request)
    ledger.close()
    return data


def test_a_projects_verdicts_are_printed_and_written(project: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", "7", "--out", str(tmp_path / "r.html")])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "Verdicts: 1 redo, 1 skipped, 1 outdated.",
        f"  redo whole task of task 12, says {ANN}: the [tail]",
        f"The report is in {tmp_path / 'r.html'}.",
    ]
    page = (tmp_path / "r.html").read_text()
    assert "Verdicts of project 7" in page
    assert page.count("<tr class=") == 3


def test_the_status_counts_verdicts_that_ask_to_redo_masks(project: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["status", "7", "--json", str(tmp_path / "status.json")])
    assert done.exit_code == 0, done.output
    assert "redo    2 verdicts, some may be outdated; all: masklet report 7" in done.output
    (found,) = json.loads((tmp_path / "status.json").read_text())
    assert found["redo_verdicts"] == 2


def test_a_project_without_verdicts_is_an_error(project: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", "8", "--out", str(tmp_path / "r.html")])
    assert isinstance(done.exception, NotFound)
    assert "nobody has given a verdict in project 8 yet; people give them in the player" in str(done.exception)
    assert not (tmp_path / "r.html").exists()
