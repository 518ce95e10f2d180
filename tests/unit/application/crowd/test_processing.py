"""Ordered propagations: submitted once, an outage delays them, a refusal is told in words."""

from __future__ import annotations

from collections.abc import Callable

from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.crowd.lead.processing import Processing, progress_of
from backend.application.ports.lead_ledger import Order, OrderState
from backend.domain.errors import LabelStudioUnavailable, MalformedRequest
from backend.domain.geometry import Point
from backend.domain.jobs import Job, JobKind, JobState, PropagationRequest
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.clock import FakeClock
from tests.fakes.stores import temporary_ledger

TASKS = tuple(TaskKey(3, number) for number in (41, 42, 43))
CLICK = FramePrompt(ObjectId("Cat"), FrameIndex(0), (PointPrompt(Point(0.5, 0.5)),))


def submitting(ledger: SqlLedger) -> Callable[[TaskKey, str], Job | None]:
    def submit(task: TaskKey, user: str) -> Job:
        prompts = PromptSet.of([CLICK], {})
        request = PropagationRequest(task, MediaRef(("/data/a.mp4",), is_pages=False), prompts, user=user)
        return ledger.submit(JobKind.PROPAGATE, request)[0]

    return submit


def test_a_kill_between_the_job_and_its_mark_doubles_nothing() -> None:
    ledger = temporary_ledger(FakeClock())
    submit = submitting(ledger)
    Processing(ledger, submit).place(3, [(TASKS[0], "ann")])
    submit(TASKS[0], "ann")  # and then the process was killed
    assert Processing(ledger, submit).sweep() == 1
    assert len(ledger.jobs(kind=JobKind.PROPAGATE)) == 1
    assert Processing(ledger, submit).sweep() == 0


def test_an_outage_leaves_orders_pending_and_a_refusal_does_not_hold_up_others() -> None:
    ledger = temporary_ledger(FakeClock())
    submit, is_away = submitting(ledger), True

    def failing(task: TaskKey, user: str) -> Job | None:
        if is_away:
            raise LabelStudioUnavailable("Label Studio does not answer")
        if task == TASKS[0]:
            raise MalformedRequest("the task's data.video must be the video's address")
        return None if task == TASKS[1] else submit(task, user)

    processing = Processing(ledger, failing)
    processing.place(3, [(task, "ann") for task in TASKS])
    assert (processing.sweep(), processing.progress(3).waiting) == (0, 3)
    is_away = False
    processing.sweep()
    progress = processing.progress(3)
    assert (progress.waiting, progress.is_open, progress.orders) == (1, True, 3)
    assert [(task, reason) for task, _, reason in progress.failures] == [
        (TASKS[0], "the task's data.video must be the video's address"),
        (TASKS[1], "nothing usable is prompted; click or box an object first"),
    ]


def test_an_order_that_was_cancelled_while_it_was_submitted_has_no_job() -> None:
    ledger = temporary_ledger(FakeClock())
    submit = submitting(ledger)

    def cancelled_meanwhile(task: TaskKey, user: str) -> Job | None:
        job = submit(task, user)
        ledger.cancel_orders(3)
        return job

    processing = Processing(ledger, cancelled_meanwhile)
    processing.place(3, [(TASKS[0], "ann")])
    processing.sweep()
    assert [job.state for job in ledger.jobs()] == [JobState.CANCELLED]
    assert (processing.progress(3).cancelled, processing.progress(3).is_open) == (1, False)


def test_progress_counts_frames_of_what_runs() -> None:
    def order(state: JobState | None, done: int = 0) -> Order:
        return Order(TASKS[0], "ann", OrderState.SUBMITTED, "p-1", state, done, 100 if done else 0)

    progress = progress_of([order(JobState.DONE), order(JobState.RUNNING, 50), order(JobState.QUEUED), order(None)])
    assert (progress.finished, progress.running, progress.waiting, progress.share) == (2, 1, 1, 0.625)
    assert progress_of([]).share == 1.0
