"""Whose quality is measured beside the requests, when, and for how long."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.crowd.lead.measuring_turns import EVERY_S, LONGEST_TURN_S, TURN_S, MeasuringTurns
from backend.domain.crowd.agreement_measured import MeasuredTask
from backend.domain.errors import LabelStudioUnavailable
from backend.domain.tasks import TaskKey
from tests.fakes.clock import FakeClock
from tests.fakes.stores import temporary_ledger


@dataclass
class Process:
    """A process that measures a project."""

    project_id: int
    ended: int | None = None
    said: str = ""
    is_killed: bool = False

    def status(self) -> int | None:
        return self.ended

    def end(self) -> str:
        self.is_killed = self.ended is None
        return self.said


@dataclass
class Changes:
    """Label Studio's list of changed tasks: the last change of each project. down: it does not answer."""

    last: dict[int, str] = field(default_factory=dict)
    down: frozenset[int] = frozenset()

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> list[str]:
        assert (since, limit) == ("", 1)
        if project_id in self.down:
            raise LabelStudioUnavailable("it does not answer")
        return [self.last[project_id]] if project_id in self.last else []


class Web:
    """The sweeps of a web process over the projects 1 and 2, which have measured tasks."""

    def __init__(self) -> None:
        self.clock, self.changes = FakeClock(), Changes({1: "monday", 2: "monday"})
        self.ledger: SqlLedger = temporary_ledger(self.clock)
        self.turns = MeasuringTurns(self.ledger, self.changes, self.clock)
        self.started: list[Process] = []
        for project_id in (1, 2):
            self.measure(TaskKey(project_id, 10))

    def measure(self, task: TaskKey) -> None:
        self.ledger.record_measurement(MeasuredTask(task, (), ()), state=f"at {self.clock.monotonic_s()}")

    def start(self, project_id: int) -> Process:
        self.started.append(Process(project_id))
        return self.started[-1]

    def sweep(self, *, after_s: float = EVERY_S) -> list[int]:
        """The projects whose turns began."""
        self.clock.advance(after_s)
        before = len(self.started)
        self.turns.sweep(self.start)
        return [each.project_id for each in self.started[before:]]

    def finish(self, status: int = 0, said: str = "") -> None:
        self.started[-1].ended, self.started[-1].said = status, said

    def measured(self) -> Mapping[int, bool]:
        return {project_id: self.turns.is_measuring(project_id) for project_id in (1, 2)}


def test_projects_have_their_turns_one_after_the_other_and_then_rest() -> None:
    web = Web()
    assert web.sweep(after_s=0) == [], "a web process that starts has other things to do"
    assert web.sweep() == [1]
    assert web.sweep() == [], "one project at a time"
    assert web.measured() == {1: True, 2: False}
    web.finish()
    assert web.sweep() == [2]
    web.finish()
    assert [web.sweep() for _ in range(4)] == [[]] * 4, "nothing changed"
    assert web.measured() == {1: False, 2: False}
    web.changes.last[2] = "tuesday"
    assert web.sweep() == [2]


def test_a_project_without_quality_is_left_alone() -> None:
    web = Web()
    web.ledger.forget_measurements(2, [10])
    web.changes.last[3] = "monday"
    web.sweep(after_s=0)
    assert web.sweep() == [1]
    web.finish()
    assert [web.sweep() for _ in range(4)] == [[]] * 4


def test_a_slow_project_delays_the_others_by_one_turn() -> None:
    web = Web()
    assert web.sweep(after_s=0) == []
    assert web.sweep() == [1]
    assert web.sweep(after_s=TURN_S - 1) == []
    assert web.sweep(after_s=1) == [2]
    assert web.started[0].is_killed
    web.finish()
    assert web.sweep() == [1], "it goes on"
    assert web.sweep(after_s=TURN_S) == [], "a turn that measured nothing is followed by one of twice the time"
    web.measure(TaskKey(1, 11))
    assert web.sweep(after_s=TURN_S) == []
    assert web.sweep() == [1]
    assert web.sweep(after_s=TURN_S) == [], "that one measured something"
    for _ in range(12):
        web.sweep(after_s=LONGEST_TURN_S + EVERY_S)
    assert sum(each.is_killed for each in web.started) > 8, "no turn is endless"


def test_a_failure_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    web = Web()
    web.changes.down = frozenset([1])
    web.sweep(after_s=0)
    with caplog.at_level(logging.WARNING):
        assert web.sweep() == [2], "Label Studio's errors about one project are no other one's"
        web.finish(1, "task 7 cannot be read")
        assert web.sweep(after_s=1) == []
    assert "project 1 is to be measured cannot be told" in caplog.text
    assert "project 2 is not measured: task 7 cannot be read" in caplog.text
    web.changes.down = frozenset()
    assert web.sweep() == [1]
    web.finish()
    assert web.sweep() == [2]


def test_nothing_begins_after_the_end() -> None:
    web = Web()
    web.sweep(after_s=0)
    assert web.sweep() == [1]
    web.turns.close()
    assert web.started[0].is_killed
    assert web.sweep(after_s=TURN_S) == []
