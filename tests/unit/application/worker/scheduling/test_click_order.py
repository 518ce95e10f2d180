"""Which click an interactive worker runs next."""

from __future__ import annotations

from backend.application.ports.notifier import NoNotifier
from backend.application.worker.scheduling.click_order import NO_WAITER_GRACE_S, ClickOrder
from backend.bootstrap.worker import Runtime
from backend.domain.jobs import Job, JobKind, JobState, PreviewRequest
from backend.domain.video import FrameIndex
from tests.unit.application.builders import TASK, USER_TASK, Parts, click_on


def click(parts: Parts, user: str, x: float, *, wait_s: float = 10.0) -> Job:
    request = PreviewRequest(TASK, USER_TASK.media, click_on(4, x), FrameIndex(4), user=user)
    return parts.submitter.submit(request, wait_s=wait_s)


def order_of(parts: Parts) -> list[str]:
    """The ids of the queued clicks in the order in which one worker runs them."""
    order = ClickOrder(parts.ledger, parts.clock)
    found = []
    while (due := order.next()) is not None:
        parts.ledger.start(due.job_id, due.attempt, "worker-1")
        found.append(due.job_id)
    return found


def test_persons_take_turns_and_newest_clicks_are_first() -> None:
    parts = Parts()
    ann = [click(parts, "ann", x / 10).job_id for x in range(1, 5)]
    ben = click(parts, "ben", 0.8).job_id
    eve = [click(parts, "eve", x / 100).job_id for x in range(1, 3)]
    assert order_of(parts) == [ann[3], ben, eve[1], ann[2], eve[0], ann[1], ann[0]]


def test_a_click_without_a_waiter_is_dropped_unrun() -> None:
    parts = Parts()
    gone, waited = click(parts, "ann", 0.1, wait_s=3.0), click(parts, "ben", 0.2, wait_s=30.0)
    parts.clock.advance(NO_WAITER_GRACE_S + 1)
    assert order_of(parts) == [waited.job_id]
    dropped = parts.ledger.job(gone.job_id)
    assert (dropped.state, dropped.worker) == (JobState.CANCELLED, "")
    assert dropped.reason.startswith("ServiceUnavailable: no worker came to this click")


def test_a_dropped_click_runs_if_it_is_asked_for_again() -> None:
    parts = Parts()
    gone = click(parts, "ann", 0.1, wait_s=3.0)
    parts.clock.advance(10)
    assert order_of(parts) == []
    again = click(parts, "ann", 0.1)
    assert (again.job_id, again.attempt, order_of(parts)) == (gone.job_id, 2, [gone.job_id])


def runtime_of(parts: Parts) -> Runtime:
    order = ClickOrder(parts.ledger, parts.clock)
    return Runtime(parts.runner, lambda: False, notifier=NoNotifier(), click_order=order)


def test_as_many_turns_as_clicks_run_every_click() -> None:
    parts = Parts()
    jobs = [click(parts, "ann", x / 10) for x in range(1, 4)]
    runtime = runtime_of(parts)
    ran = []
    while (entry := parts.queue.take(JobKind.INTERACTIVE)) is not None:
        ran.append(runtime.run(*entry).job_id)
    assert ran == [job.job_id for job in reversed(jobs)]
    assert {parts.ledger.job(job.job_id).state for job in jobs} == {JobState.DONE}


def test_a_click_that_another_worker_claims_costs_no_turn() -> None:
    parts = Parts()
    older, newer = click(parts, "ann", 0.1), click(parts, "ann", 0.2)
    started = parts.ledger.start

    def late_start(job_id: str, attempt: int, worker: str) -> Job | None:
        if job_id == newer.job_id:
            started(job_id, attempt, "worker-2")
        return started(job_id, attempt, worker)

    parts.ledger.start = late_start  # type: ignore[method-assign]
    assert runtime_of(parts).run(newer.job_id, 1).job_id == older.job_id
