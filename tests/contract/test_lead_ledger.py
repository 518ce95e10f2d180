"""Effort, summaries and orders in the ledger, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.ports.effort import ActiveTime, PromptEffort
from backend.application.ports.lead_ledger import ObjectSummary, OrderState, RunFigures, RunSummary
from backend.domain.geometry import Box, Point
from backend.domain.jobs import JobKind, JobState, PropagationRequest
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.verdicts import GivenVerdict, Verdict
from backend.domain.video import FrameIndex
from tests.fakes.clock import FakeClock

TASK, OTHER_TASK, OTHER_PROJECT = TaskKey(3, 41), TaskKey(3, 42), TaskKey(4, 1)
CAT, DOG = ObjectId("Cat"), ObjectId("Dog")
VIDEO = MediaRef(("/data/a.mp4",), is_pages=False)


def click(frame: int, *points: float, object_id: ObjectId = CAT, box: Box | None = None) -> FramePrompt:
    return FramePrompt(object_id, FrameIndex(frame), tuple(PointPrompt(Point(x, 0.5)) for x in points), box)


def record(ledger: SqlLedger, task: TaskKey, user: str, *prompts: FramePrompt) -> PromptSet:
    labels = {prompt.object_id: str(prompt.object_id) for prompt in prompts}
    return ledger.record_prompts(task, PromptSet.of(prompts, labels), user=user)


def submitted(ledger: SqlLedger, task: TaskKey, user: str) -> str:
    """A queued propagation of the user's prompts."""
    request = PropagationRequest(task, VIDEO, ledger.prompts(task, user=user), model_version="m-1", user=user)
    return ledger.submit(JobKind.PROPAGATE, request)[0].job_id


def finished(ledger: SqlLedger, task: TaskKey, user: str, run: str) -> None:
    job_id = submitted(ledger, task, user)
    job = ledger.job(job_id)
    assert ledger.start(job_id, job.attempt, "w")
    assert ledger.finish(job_id, job.attempt, JobState.DONE, masks_run=run)


def test_beats_of_a_person_are_one_sequence(ledger: SqlLedger, clock: FakeClock) -> None:
    counted = []
    for task, object_id, pause_s in [(TASK, CAT, 0), (TASK, CAT, 10), (OTHER_TASK, None, 5), (TASK, DOG, 31)]:
        clock.advance(pause_s)
        counted.append(ledger.record_beat(task, object_id, user="ann"))
    assert counted == [0.0, 10.0, 5.0, 0.0]
    assert ledger.record_beat(TASK, CAT, user="bob") == 0.0, "another person's sequence"
    assert ledger.active_times(3) == (ActiveTime(TASK, "ann", CAT, 10.0), ActiveTime(OTHER_TASK, "ann", None, 5.0))
    assert ledger.active_times(4) == ()


def test_two_tabs_count_no_second_twice(ledger: SqlLedger, clock: FakeClock) -> None:
    ledger.record_beat(TASK, CAT, user="ann")
    clock.advance(10.0)
    with ThreadPoolExecutor(4) as tabs:
        counted = sorted(tabs.map(lambda _: ledger.record_beat(TASK, CAT, user="ann"), range(4)))
    assert counted == [0.0, 0.0, 0.0, 10.0]
    assert [each.seconds for each in ledger.active_times(3)] == [10.0]


def test_effort_is_deleted_by_person_and_project(ledger: SqlLedger, clock: FakeClock) -> None:
    for user in ("ann", "bob"):
        for task in (TASK, OTHER_PROJECT, TASK, OTHER_PROJECT):
            clock.advance(10.0)
            ledger.record_beat(task, CAT, user=user)
    assert ledger.forget_effort(3, user="ann") == 10.0
    assert ledger.forget_effort(3, user="ann") == 0.0
    assert [each.user for each in ledger.active_times(3)] == ["bob"]
    assert [each.user for each in ledger.active_times(4)] == ["ann", "bob"]
    ledger.forget_task(TASK)
    assert ledger.active_times(3) == ()


def test_clicks_are_those_of_the_merged_prompts(ledger: SqlLedger) -> None:
    record(ledger, TASK, "ann", click(0, 0.1))
    record(ledger, TASK, "ann", click(0, 0.1, 0.2))  # all clicks of the region come again
    record(ledger, TASK, "ann", click(5, 0.3, box=Box(0.1, 0.1, 0.5, 0.5)))
    record(ledger, TASK, "ann", FramePrompt(CAT, FrameIndex(7), mask=np.eye(8, dtype=np.bool_)))
    record(ledger, TASK, "ann", click(8, 0.4), FramePrompt(CAT, FrameIndex(9), mask=np.eye(8, dtype=np.bool_)))
    record(ledger, TASK, "ann", click(9, 0.4))  # replaces the mask
    automatic = PromptSet.of([click(1, 0.5, object_id=DOG)], {DOG: "Dog"}).as_automatic(lambda _: 0.9)
    ledger.record_prompts(TASK, automatic, user="ann")
    assert ledger.prompt_efforts(3) == (
        PromptEffort(TASK, "ann", CAT, clicks=6, clicked_frames=4, mask_frames=1),
        PromptEffort(TASK, "ann", DOG, clicks=0, clicked_frames=0, mask_frames=0, automatic_frames=1),
    )


def test_a_project_is_read_at_once(ledger: SqlLedger) -> None:
    record(ledger, TASK, "ann", click(0, 0.1), click(0, 0.2, object_id=DOG))
    finished(ledger, TASK, "ann", "p-1-a1")
    ledger.set_verdict(TASK, GivenVerdict(None, Verdict.REDO, "tail", "x\ny"), user="lead")
    record(ledger, TASK, "ann", click(3, 0.1))
    submitted(ledger, TASK, "ann")
    record(ledger, OTHER_PROJECT, "bob", click(0, 0.1))
    rows = ledger.project_rows(3)
    (made,), (job,), (verdict,) = rows.prompts, rows.jobs, rows.verdicts
    assert (made.user, made.objects, [each.label for each in rows.labels]) == ("ann", 2, ["Cat", "Dog"])
    assert sorted(each.object_id for each in ledger.objects(3)) == ["Cat", "Dog"]
    assert (job.state, job.masks_run) == (JobState.QUEUED, "p-1-a1"), "the masks are of the newest finished one"
    assert verdict.verdict.given.masks == "x\ny"
    assert verdict.sequence < made.sequence < job.sequence
    assert ledger.known_projects() == (3, 4)


def test_a_summary_replaces_that_of_an_earlier_run(ledger: SqlLedger) -> None:
    objects = (ObjectSummary(CAT, "Cat", 9, 100.0, 0.5),)
    first = RunSummary(RunFigures(TASK, "ann", "p-1-a1", 10, 0.5, 3), objects)
    second = RunSummary(RunFigures(TASK, "ann", "p-2-a1", 10, 0.25, 0), objects)
    for summary in (first, second):
        ledger.put_summary(summary)
        assert ledger.project_rows(3).figures == (summary.figures,)
        assert ledger.summaries(3) == (summary,)
    assert ledger.run_figures(TASK, "p-1-a1") is None
    assert ledger.run_figures(TASK, "p-2-a1") == second.figures


def test_an_order_is_placed_once_and_follows_its_job(ledger: SqlLedger) -> None:
    record(ledger, TASK, "ann", click(0, 0.1))
    assert ledger.place_orders(3, [(TASK, "ann"), (OTHER_TASK, "bob")]) == 2
    assert ledger.place_orders(3, [(TASK, "ann")]) == 0
    first, second = ledger.pending_orders(limit=10)
    job_id = submitted(ledger, TASK, "ann")
    assert ledger.settle_order(first, job_id=job_id)
    assert ledger.settle_order(second, job_id="", reason="NotFound: nothing is prompted")
    assert not ledger.settle_order(second, job_id=job_id), "it is settled"
    done, refused = ledger.orders(3)
    assert (done.state, done.job_state, done.is_open) == (OrderState.SUBMITTED, JobState.QUEUED, True)
    assert (refused.state, refused.reason, refused.is_open) == (
        OrderState.REFUSED,
        "NotFound: nothing is prompted",
        False,
    )
    assert ledger.place_orders(3, [(OTHER_TASK, "bob")]) == 1, "a final order may be placed again"
    assert [each.task for each in ledger.orders(3)] == [TASK, OTHER_TASK]


def test_cancelling_takes_back_what_is_not_submitted(ledger: SqlLedger) -> None:
    ledger.place_orders(3, [(TASK, "ann"), (OTHER_TASK, "bob")])
    first, second = ledger.pending_orders(limit=10)
    ledger.settle_order(first, job_id="p-1")
    assert [each.task for each in ledger.cancel_orders(3)] == [TASK]
    assert not ledger.settle_order(second, job_id="p-2"), "it was cancelled before it was submitted"
    assert [each.state for each in ledger.orders(3)] == [OrderState.SUBMITTED, OrderState.CANCELLED]
