"""Verdicts through HTTP."""

from __future__ import annotations

import pytest

from tests.unit.interfaces.http.player.builders import CLICK, TASK, Json, PlayerWeb

REDO = {"verdict": "redo", "comment": "the tail is missing"}


def test_a_verdict_is_part_of_the_task_until_it_is_deleted() -> None:
    client = PlayerWeb().opened()
    client.put(f"{TASK}/prompts/4/Cat%202", json=CLICK)
    given = client.put(f"{TASK}/verdicts/Cat%202", json=REDO).json()
    assert given == {"verdicts": [{"object": "Cat 2", **REDO, "is_outdated": False}]}
    both = client.put(f"{TASK}/verdicts", json={"verdict": "skipped"}).json()["verdicts"]
    assert both[0] == {"object": None, "verdict": "skipped", "comment": "", "is_outdated": False}
    client.put(f"{TASK}/prompts/5/Cat%202", json=CLICK)
    assert [each["is_outdated"] for each in client.get(TASK).json()["verdicts"]] == [True, True]
    assert [each["object"] for each in client.delete(f"{TASK}/verdicts").json()["verdicts"]] == ["Cat 2"]
    assert client.delete(f"{TASK}/verdicts/Cat%202").json() == {"verdicts": []}
    assert client.delete(f"{TASK}/verdicts/Cat%202").status_code == 404


@pytest.mark.parametrize(
    ("address", "body", "status", "sentence"),
    [
        ("verdicts", {"verdict": "good"}, 400, "verdict must be one of satisfactory, redo, reject, skipped"),
        ("verdicts", {**REDO, "comment": "x" * 2001}, 400, "comment has 2001 characters"),
        ("verdicts/Cow", REDO, 404, "nothing is prompted for 'Cow'"),
    ],
)
def test_a_refused_verdict_is_not_kept(address: str, body: Json, status: int, sentence: str) -> None:
    client = PlayerWeb().opened()
    reply = client.put(f"{TASK}/{address}", json=body)
    assert (reply.status_code, sentence in reply.json()["detail"]) == (status, True)
    assert client.get(TASK).json()["verdicts"] == []
