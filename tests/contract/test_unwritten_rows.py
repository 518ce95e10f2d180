"""Rows that are kept in memory until something is written: every write is seen at once, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.application.ports.cluster.leases import ProcessPlace
from backend.application.ports.lead_ledger import ObjectSummary, RunFigures, RunSummary
from backend.domain.crowd.agreement_measured import MeasuredTask
from backend.domain.jobs import JobKind, JobState, PropagationRequest
from backend.domain.prompts import PromptSet
from backend.domain.verdicts import GivenVerdict, Verdict
from tests.contract.test_lead_ledger import CAT, DOG, OTHER_TASK, TASK, VIDEO, click, record
from tests.fakes.clock import FakeClock

Write = Callable[[SqlLedger], object]


@pytest.fixture
def other(ledger: SqlLedger, ledger_url: str, clock: FakeClock) -> Iterator[SqlLedger]:
    """The same ledger as another process has it."""
    with closing(open_ledger(ledger_url, clock)) as opened:
        yield opened


def job(ledger: SqlLedger) -> str:
    request = PropagationRequest(TASK, VIDEO, ledger.prompts(TASK, user="ann"), model_version="m-1", user="ann")
    return ledger.submit(JobKind.PROPAGATE, request)[0].job_id


def summary(run: str) -> RunSummary:
    return RunSummary(RunFigures(TASK, "ann", run, 10, 0.5, 3), (ObjectSummary(CAT, "Cat", 9, 100.0, 0.5),))


def relabelled(prompts: PromptSet) -> PromptSet:
    return PromptSet.of(prompts.prompts, {CAT: "Lynx"})


WRITES: dict[str, Write] = {
    "a prompt": lambda ledger: record(ledger, TASK, "ann", click(0, 0.1)),
    "an object": lambda ledger: record(ledger, TASK, "ann", click(0, 0.2, object_id=DOG)),
    "another task": lambda ledger: record(ledger, OTHER_TASK, "bob", click(0, 0.1)),
    "a label": lambda ledger: ledger.edit_prompts(TASK, relabelled, user="ann"),
    "a job": job,
    "its start": lambda ledger: ledger.start(job(ledger), 1, "w"),
    "its progress": lambda ledger: ledger.progress(job(ledger), 1, 3, 10),
    "more progress": lambda ledger: ledger.progress(job(ledger), 1, 4, 10),
    "its end": lambda ledger: ledger.finish(job(ledger), 1, JobState.DONE, masks_run="p-1-a1"),
    "figures": lambda ledger: ledger.put_summary(summary("p-1-a1")),
    "other figures": lambda ledger: ledger.put_summary(summary("p-2-a1")),
    "a verdict": lambda ledger: ledger.set_verdict(TASK, GivenVerdict(None, Verdict.REDO, "", "x"), user="lead"),
    "another verdict": lambda ledger: ledger.set_verdict(
        TASK, GivenVerdict(None, Verdict.REJECT, "", "x"), user="lead"
    ),
    "no verdict": lambda ledger: ledger.remove_verdicts(TASK, [None], user="lead"),
    "other prompts": lambda ledger: ledger.replace_prompts(TASK, PromptSet.of([click(1, 0.3)], {}), user="ann"),
    "a failure": lambda ledger: ledger.finish(job(ledger), 1, JobState.FAILED, reason="no frames"),
    "nothing left": lambda ledger: ledger.forget_task(TASK),
}
"""In this order: each changes the project's rows."""


@pytest.mark.parametrize("is_own", [True, False])
def test_every_write_is_seen_at_once(ledger: SqlLedger, other: SqlLedger, is_own: bool) -> None:
    before = ledger.project_rows(3)
    for name, write in WRITES.items():
        write(ledger if is_own else other)
        rows = ledger.project_rows(3)
        assert rows != before, name
        before = rows


def test_a_new_measurement_is_seen_at_once(ledger: SqlLedger, other: SqlLedger) -> None:
    for number, writer in enumerate([other, ledger, other]):
        writer.record_measurement(MeasuredTask(TASK, (), ()), state=str(number))
        assert ledger.measurement_states(3) == {TASK: str(number)}
    other.forget_measurements(3, [TASK.task_id])
    assert ledger.measurement_states(3) == {}


def test_what_is_not_committed_yet_is_seen_afterwards(ledger: SqlLedger, other: SqlLedger) -> None:
    record(other, TASK, "ann", click(0, 0.1))
    is_written, may_commit = threading.Event(), threading.Event()

    def edit(prompts: PromptSet) -> PromptSet:
        is_written.set()
        assert may_commit.wait(20)
        return relabelled(prompts)

    with_label = threading.Thread(target=lambda: other.edit_prompts(TASK, edit, user="ann"))
    with_label.start()
    assert is_written.wait(20)
    assert [each.label for each in ledger.project_rows(3).labels] == ["Cat"]
    may_commit.set()
    with_label.join()
    assert [each.label for each in ledger.project_rows(3).labels] == ["Lynx"]


def test_rows_are_read_once_while_nothing_is_written(ledger: SqlLedger, other: SqlLedger) -> None:
    record(other, TASK, "ann", click(0, 0.1))
    tries = (ledger.project_rows(3) is ledger.project_rows(3) for _ in range(20))
    assert any(tries), "PostgreSQL's own transactions may end the use of one"


def test_renewing_a_lease_keeps_the_rows_in_sqlite_alone(ledger: SqlLedger, other: SqlLedger, ledger_url: str) -> None:
    """In PostgreSQL every transaction ends their use."""
    before = ledger.project_rows(3)
    other.take_leases(["sweeps"], "web-2", ProcessPlace("boot", 1, 0, "host"), for_s=10.0)
    assert ledger.leases()
    assert (ledger.project_rows(3) is before) == ledger_url.startswith("sqlite")
