"""`masklet crowd` on a data folder without Label Studio and without a queue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.application.ports.crowd_ledger import CrowdRecord
from backend.domain.crowd.routing import Answer, Crowd, ItemState, NextStep, Role, Route, Source, Start
from backend.domain.errors import InvalidInput, NotFound
from backend.domain.retries import FailedTry, FailureKind, Failures
from backend.domain.tasks import TaskKey
from backend.interfaces.cli import app
from tests.fakes.clock import FakeClock

ANN = "ann@example.org"
FIRST, SECOND, THIRD = (TaskKey(3, number) for number in (41, 42, 43))
TO_VERIFY = Route(ItemState.OPEN, NextStep(Role.VERIFY, Start.MASKS, source=Source(FIRST, ANN)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("MASKLET_DATA_DIR", str(data))
    for name in ("DATABASE_URL", "REDIS_URL", "LABEL_STUDIO_URL"):
        monkeypatch.delenv(name, raising=False)
    return data


@pytest.fixture
def crowd(folder: Path) -> None:
    """A crowd with an item that is stopped, one that waits for masks, and one whose next task cannot be made."""
    ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite", FakeClock())
    ledger.add_crowd(CrowdRecord(Crowd("cats", {}, 2), (Role.TRACK, Role.VERIFY), "<View/>"))
    ledger.set_crowd_project("cats", Role.TRACK, 3)
    ledger.set_crowd_project("cats", Role.VERIFY, 4)
    ledger.set_crowd_ready("cats")
    ledger.add_items("cats", Role.TRACK, [FIRST, SECOND, THIRD])
    stopped, waiting, failing = (ledger.steps_of_item(task)[0] for task in (FIRST, SECOND, THIRD))
    ledger.end_step(stopped, Route(ItemState.STOPPED), maker=ANN, edited_frames=2)
    ledger.note_answers(waiting, [Answer(7, ANN)])
    (due,) = ledger.due_steps(9e9)
    ledger.look_again(due, at_s=9e17, waits="annotation 7 has no masks", uncounted={})
    ledger.end_step(failing, TO_VERIFY, maker=ANN, edited_frames=1)
    made = ledger.steps_of_item(THIRD)[1]
    failures = Failures("NotFound", 1, FakeClock().now_s())
    reason = "NotFound: nothing is there"
    ledger.record_failure(FailedTry(FailureKind.ROUTE, made.name, THIRD, failures, 9e17, reason=reason))
    ledger.close()


@pytest.mark.usefixtures("crowd")
def test_the_status_has_queues_and_what_is_stuck_and_why() -> None:
    done = CliRunner().invoke(app, ["crowd", "status", "cats", "--json"])
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.output)["crowds"]
    assert found["items"] == {"open": 2, "stopped": 1}
    assert [(queue["role"], queue["wanted"], queue["open"], queue["answered"]) for queue in found["queues"]] == [
        ("track", 0, 0, 1),
        ("verify", 1, 0, 0),
    ]
    assert [(each["item"], each["task"], each["reason"]) for each in found["stuck"]] == [
        ("3/43", None, "NotFound: nothing is there"),
        ("3/42", "3/42", "annotation 7 has no masks"),
    ]
    assert [(each["item"], each["redos"]) for each in found["stopped"]] == [("3/41", 0)]
    assert found["edited"] == {"hard": 1, "easy": 1}
    text = CliRunner().invoke(app, ["crowd", "status"]).output
    for sentence in (
        "Crowd 'cats': 2 open, 1 stopped; 2 verifier(s), 3 redo(s)",
        "verify, item 3/43, whose task is not made yet: NotFound: nothing is there; next try in",
        "track, task 3/42: annotation 7 has no masks",
        "stopped after 0 redo(s): item 3/41",
    ):
        assert sentence in text


@pytest.mark.usefixtures("folder")
def test_what_cannot_work_is_refused_with_the_way_out() -> None:
    run = CliRunner().invoke
    assert "There is no crowd. Make one: masklet crowd init NAME" in run(app, ["crowd", "status"]).output
    with pytest.raises(NotFound, match="there is no crowd 'dogs'; there is none: make one"):
        run(app, ["crowd", "status", "dogs"], catch_exceptions=False)
    for arguments, sentence in (
        (["--roles", "select,judge"], "--roles takes some of select, track, verify with commas between, not 'judge'"),
        (["--roles", ","], "not ','"),
        (["--verifiers", "0"], "1 to 5 people"),
        (["--config", "nowhere.xml"], "the label config nowhere.xml cannot be read"),
        ([], "LABEL_STUDIO_URL"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            run(app, ["crowd", "init", "cats", *arguments], catch_exceptions=False)


@pytest.mark.usefixtures("crowd")
def test_a_lead_decides() -> None:
    run = CliRunner().invoke
    assert run(app, ["crowd", "decide", "cats", "3/41", "reject"]).output == "Item 3/41: reject.\n"
    (found,) = json.loads(run(app, ["crowd", "status", "cats", "--json"]).output)["crowds"]
    assert found["items"] == {"open": 2, "rejected": 1}
    with pytest.raises(InvalidInput, match="'41' is no item: give PROJECT/TASK"):
        run(app, ["crowd", "decide", "cats", "41", "accept"], catch_exceptions=False)
