"""`masklet crowd effort` on a real ledger: the table, JSON, CSV, deletion, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.domain.errors import InvalidInput, NotFound
from backend.domain.geometry import Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex
from backend.interfaces.cli import app
from tests.fakes.clock import FakeClock

ANN = "ann@example.org"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on a ledger in which a person clicked three times in twenty seconds."""
    monkeypatch.setenv("MASKLET_DATA_DIR", str(tmp_path))
    clock, task, cat = FakeClock(), TaskKey(7, 41), ObjectId("Cat")
    with closing(open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", clock)) as ledger:
        for frame, points in ((0, (0.1, 0.2)), (5, (0.3,))):
            prompt = FramePrompt(cat, FrameIndex(frame), tuple(PointPrompt(Point(x, 0.5)) for x in points))
            ledger.record_prompts(task, PromptSet.of([prompt], {cat: "Cat"}), user=ANN)
            ledger.record_beat(task, cat, user=ANN)
            clock.advance(20.0)
    return lambda *arguments: CliRunner().invoke(app, ["crowd", "effort", *arguments], env={"COLUMNS": "200"})


def test_effort_is_told_by_person_and_size(run: Run) -> None:
    (person,) = json.loads(run("7", "--json").stdout)
    assert (person["user"], person["clicks"], person["clicks_per_clicked_frame"]) == (ANN, 3, 1.5)
    assert (person["active_s"], person["seconds_per_frame"]) == (20.0, 10.0)
    assert [(each["phase"], each["size"]) for each in person["sizes"]] == [("project", "unknown")]
    (row,) = csv.DictReader(io.StringIO(run("7", "--csv").stdout))
    assert (row["user"], row["phase"], row["edited_frames"]) == (ANN, "project", "2")
    assert ANN in run("7").stdout


def test_a_persons_time_is_deleted(run: Run) -> None:
    assert "20 s of ann@example.org in project 7 are deleted" in run("7", "--delete-user", ANN).stdout
    (person,) = json.loads(run("7", "--json").stdout)
    assert (person["clicks"], person["active_s"], person["seconds_per_frame"]) == (3, 0.0, None)
    refused = run("7", "--delete-user", ANN)
    assert isinstance(refused.exception, NotFound)
    assert "nothing was deleted" in str(refused.exception)


@pytest.mark.parametrize(
    ("arguments", "kind", "sentence"),
    [
        (("8",), NotFound, "nobody has worked in project 8 yet"),
        (("7", "--json", "--csv"), InvalidInput, "--json and --csv exclude each other"),
    ],
)
def test_what_cannot_be_told_is_refused(run: Run, arguments: tuple[str, ...], kind: type, sentence: str) -> None:
    refused = run(*arguments).exception
    assert isinstance(refused, kind)
    assert sentence in str(refused)


def test_effort_that_is_switched_off_is_not_shown_and_can_be_deleted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKLET_EFFORT", "false")
    assert "MASKLET_EFFORT=true" in str(run("7").exception)
    assert "are deleted" in run("7", "--delete-user", ANN).stdout
