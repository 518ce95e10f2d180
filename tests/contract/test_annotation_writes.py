"""Pending writes of masks into annotations, on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.ports.annotation_writes import AnnotationWrite
from backend.domain.geometry import Point
from backend.domain.jobs import JobKind, PropagationRequest
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.retries import FailedTry, FailureKind, Failures
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import Direction, FrameIndex
from tests.fakes.clock import FakeClock

TASK = TaskKey(3, 41)
ANN, BOB = "ann@example.org", "bob@example.org"


def wanted(ledger: SqlLedger, seen: str = "1", *, user: str = ANN) -> AnnotationWrite:
    ledger.want_annotation_write(TASK, 7, user=user, seen=seen)
    (write,) = ledger.due_annotation_writes(9e9)
    return write


def test_a_write_is_claimed_once_and_is_due_again_when_the_claim_expires(ledger: SqlLedger, clock: FakeClock) -> None:
    write = wanted(ledger)
    assert write == AnnotationWrite(TASK, 7, ANN, 1)
    assert ledger.claim_annotation_write(write, until_s=1060.0)
    assert not ledger.claim_annotation_write(write, until_s=1060.0)
    assert ledger.due_annotation_writes(1059.0) == ()
    clock.advance(60)
    assert ledger.due_annotation_writes(1060.0) == (write,)
    assert ledger.claim_annotation_write(write, until_s=1120.0)
    ledger.release_annotation_write(write)
    assert ledger.due_annotation_writes(1060.0) == (write,)


def test_a_state_that_was_seen_is_not_written_again(ledger: SqlLedger) -> None:
    write = wanted(ledger)
    ledger.finish_annotation_write(write, masks_run="m-1-a1", seen="2")
    assert ledger.due_annotation_writes(9e9) == ()
    ledger.want_annotation_write(TASK, 7, user=ANN, seen="2")
    assert ledger.due_annotation_writes(9e9) == ()
    assert wanted(ledger, "3").wanted == 2
    assert ledger.annotation_runs(["m-1-a1", "m-2-a1"]) == {"m-1-a1"}


def test_a_request_during_a_write_is_another_write(ledger: SqlLedger) -> None:
    write = wanted(ledger)
    ledger.claim_annotation_write(write, until_s=1060.0)
    ledger.want_annotation_write(TASK, 7, user=ANN, seen="2")
    ledger.finish_annotation_write(write, masks_run="m-1-a1", seen="1")
    (again,) = ledger.due_annotation_writes(1000.0)
    assert again.wanted == 2
    assert ledger.claim_annotation_write(again, until_s=1060.0)
    assert not ledger.claim_annotation_write(write, until_s=1060.0)


def test_a_write_waits_for_the_propagations_of_its_user_alone(ledger: SqlLedger) -> None:
    ledger.want_annotation_write(TASK, 7, user=ANN, seen="1")
    prompts = PromptSet.of([FramePrompt(ObjectId("Cat"), FrameIndex(0), (PointPrompt(Point(0.5, 0.5)),))], {})
    media = MediaRef(("/data/clip.mp4",), is_pages=False)
    jobs = {}
    for user in (BOB, ANN):
        request = PropagationRequest(TASK, media, prompts, Direction.BOTH, label_config=user, user=user)
        jobs[user], _ = ledger.submit(JobKind.PROPAGATE, request)
    assert ledger.due_annotation_writes(9e9) == ()
    ledger.cancel(jobs[ANN].job_id)
    assert [write.user for write in ledger.due_annotation_writes(9e9)] == [ANN]


def test_failed_writes_wait_and_are_retried_on_request(ledger: SqlLedger) -> None:
    write = wanted(ledger)
    failures = Failures("LabelStudioRefused", 2, 990.0)
    for next_try_s, is_given_up in ((1030.0, False), (1000.0, True)):
        ledger.record_failure(
            FailedTry(FailureKind.WRITE, write.subject, TASK, failures, next_try_s, is_given_up, reason="X: y")
        )
        assert ledger.due_annotation_writes(1000.0) == ()
    assert ledger.retry_given_up(project_id=3) == 1
    (again,) = ledger.due_annotation_writes(1000.0)
    assert again.failures == failures
    assert wanted(ledger, "2").failures == Failures()


def test_a_deleted_annotation_and_a_deleted_task_leave_nothing(ledger: SqlLedger) -> None:
    write = wanted(ledger)
    ledger.record_failure(FailedTry(FailureKind.WRITE, write.subject, TASK, Failures("X", 1, 990.0)))
    ledger.forget_annotation(write)
    assert (ledger.due_annotation_writes(9e9), ledger.failed_tries()) == ((), ())
    write = wanted(ledger)
    ledger.finish_annotation_write(write, masks_run="m-1-a1", seen="1")
    ledger.forget_task(TASK)
    assert ledger.annotation_runs(["m-1-a1"]) == frozenset()
