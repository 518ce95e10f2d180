"""Verdicts and counts of prompts in the ledger, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.application.ports.player_ledger import PromptCount
from backend.domain.geometry import Point
from backend.domain.jobs import JobKind, PropagationRequest
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.verdicts import GivenVerdict, UserVerdict, Verdict
from backend.domain.video import FrameIndex
from tests.fakes.clock import FakeClock

TASK, OTHER_TASK = TaskKey(3, 41), TaskKey(3, 42)
CAT, DOG = ObjectId("Cat"), ObjectId('Dog "mask": 2')
REDO = GivenVerdict(CAT, Verdict.REDO, "the tail is missing", "digest 1")
SKIPPED = GivenVerdict(None, Verdict.SKIPPED, "", "digest 2")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    is_sqlite = request.param == "sqlite"
    return f"sqlite:///{tmp_path}/ledger.sqlite" if is_sqlite else str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def ledger(url: str) -> Iterator[SqlLedger]:
    opened = open_ledger(url, FakeClock())
    yield opened
    opened.close()


def click(frame: int, object_id: ObjectId = CAT) -> FramePrompt:
    return FramePrompt(object_id, FrameIndex(frame), (PointPrompt(Point(0.5, 0.5)),))


def drawn(frame: int, object_id: ObjectId = CAT) -> FramePrompt:
    return FramePrompt(object_id, FrameIndex(frame), mask=np.eye(8, dtype=np.bool_))


def record(ledger: SqlLedger, task: TaskKey, user: str, *prompts: FramePrompt) -> None:
    for prompt in prompts:
        ledger.record_prompts(task, PromptSet.of([prompt], {}), user=user)


def test_verdicts_survive_a_restart(url: str, ledger: SqlLedger) -> None:
    ledger.set_verdict(TASK, REDO, user="ann")
    ledger.set_verdict(TASK, SKIPPED, user="ann")
    again = open_ledger(url, FakeClock())
    assert again.verdicts(TASK, user="ann") == (SKIPPED, REDO)
    again.close()
    assert ledger.verdicts(TASK, user="bob") == ()


def test_a_verdict_replaces_the_earlier_one_of_its_object(ledger: SqlLedger) -> None:
    ledger.set_verdict(TASK, REDO, user="ann")
    ledger.set_verdict(TASK, SKIPPED, user="ann")
    better = GivenVerdict(CAT, Verdict.SATISFACTORY, "", "digest 3")
    ledger.set_verdict(TASK, better, user="ann")
    assert ledger.verdicts(TASK, user="ann") == (SKIPPED, better)


def test_removed_verdicts_are_counted(ledger: SqlLedger) -> None:
    ledger.set_verdict(TASK, REDO, user="ann")
    ledger.set_verdict(TASK, SKIPPED, user="ann")
    ledger.set_verdict(TASK, REDO, user="bob")
    assert ledger.remove_verdicts(TASK, [CAT, DOG], user="ann") == 1
    assert ledger.remove_verdicts(TASK, [CAT], user="ann") == 0
    assert ledger.verdicts(TASK, user="ann") == (SKIPPED,)
    assert ledger.verdicts(TASK, user="bob") == (REDO,)


def test_verdicts_are_listed_by_project(ledger: SqlLedger) -> None:
    for task in (OTHER_TASK, TASK, TaskKey(4, 41)):
        ledger.set_verdict(task, REDO, user="ann")
    ledger.set_verdict(TASK, SKIPPED, user="ann")
    found = ledger.project_verdicts(3, user="ann")
    assert list(found.items()) == [(TASK, (SKIPPED, REDO)), (OTHER_TASK, (REDO,))]


def test_everybodys_verdicts_are_listed_by_task_and_user(ledger: SqlLedger) -> None:
    for user in ("bob", "ann"):
        ledger.set_verdict(TASK, REDO, user=user)
    ledger.set_verdict(TASK, SKIPPED, user="ann")
    ledger.set_verdict(OTHER_TASK, REDO, user="ann")
    ledger.set_verdict(TaskKey(4, 41), REDO, user="ann")
    of_task = (UserVerdict(TASK, "ann", SKIPPED), UserVerdict(TASK, "ann", REDO), UserVerdict(TASK, "bob", REDO))
    assert ledger.everybodys_verdicts(3, task=TASK) == of_task
    assert ledger.everybodys_verdicts(3) == (*of_task, UserVerdict(OTHER_TASK, "ann", REDO))
    assert ledger.everybodys_verdicts(5) == ()


def test_a_forgotten_task_has_no_verdicts(ledger: SqlLedger) -> None:
    ledger.set_verdict(TASK, REDO, user="ann")
    assert ledger.inactive_tasks(5.0, after=None, limit=9) == (TASK,)
    ledger.forget_task(TASK)
    assert ledger.verdicts(TASK, user="ann") == ()


def test_prompts_are_counted_by_task_and_user(ledger: SqlLedger) -> None:
    record(ledger, TASK, "ann", click(0), drawn(4), drawn(4, DOG), drawn(5, DOG), click(6, DOG))
    record(ledger, TASK, "bob", click(0))
    record(ledger, OTHER_TASK, "ann", click(0))
    record(ledger, TaskKey(4, 41), "ann", click(0))
    ann, bob = PromptCount(TASK, "ann", 2, 2), PromptCount(TASK, "bob", 1, 0)
    other = PromptCount(OTHER_TASK, "ann", 1, 0)
    assert ledger.prompt_counts(3) == (ann, bob, other)
    assert ledger.prompt_counts(3, task=TASK) == (ann, bob)
    assert ledger.prompt_counts(3, user="ann") == (ann, other)


def test_a_click_that_replaced_a_mask_is_no_human_frame(ledger: SqlLedger) -> None:
    record(ledger, TASK, "ann", drawn(4), click(4))
    assert all(prompt.mask is None for prompt in ledger.prompts(TASK, user="ann"))
    assert ledger.prompt_counts(3) == (PromptCount(TASK, "ann", 1, 0),)


def test_an_automatic_mask_is_no_human_frame(ledger: SqlLedger) -> None:
    automatic = PromptSet.of([drawn(4), drawn(5)], {}).as_automatic(lambda _: 0.5)
    ledger.record_prompts(TASK, automatic, user="ann")
    assert ledger.prompt_counts(3) == (PromptCount(TASK, "ann", 1, 0),)
    record(ledger, TASK, "ann", drawn(5))
    assert ledger.prompt_counts(3) == (PromptCount(TASK, "ann", 1, 1),)


def test_an_equal_request_makes_a_propagation_that_of_both_users(ledger: SqlLedger) -> None:
    media = MediaRef(("/data/clip.mp4",), is_pages=False)

    def ask(user: str) -> str:
        request = PropagationRequest(TASK, media, PromptSet((click(0),)), model_version="m", user=user)
        return ledger.submit(JobKind.PROPAGATE, request)[0].job_id

    job_id = ask("")
    assert [ask(user) for user in ("ann", "bob", "ann")] == [job_id] * 3
    assert [ledger.jobs_also_of(TASK, user=user) for user in ("ann", "bob", "cem")] == [{job_id}, {job_id}, set()]
    assert ledger.jobs_also_of(TaskKey(TASK.project_id, TASK.task_id + 1), user="ann") == set()
    ledger.cancel(job_id)
    assert ledger.forget_task(TASK) == (job_id,)
    assert ledger.jobs_also_of(TASK, user="ann") == set()
