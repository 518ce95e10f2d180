"""The end of an attempt; only the current attempt publishes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.application.jobs.retry import retry_now
from backend.domain.errors import (
    LabelStudioUnavailable,
    MediaError,
    MediaRefused,
    MediaUnreachable,
    NotFound,
    StorageFull,
)
from backend.domain.jobs import Job, JobKind, JobState, PreviewRequest, PropagationRequest
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.engine import FakeSegmenter
from tests.unit.application.builders import TASK, USER_TASK, Parts, click_on


def submitted(parts: Parts, frame: int = 0) -> str:
    request = PropagationRequest(TASK, USER_TASK.media, click_on(frame), model_version=USER_TASK.model_version)
    return parts.submitter.submit(request).job_id


def test_a_done_job_has_masks_progress_timings_and_a_push() -> None:
    parts = Parts()
    job = parts.run(parts.ledger.job(submitted(parts)))
    assert (job.state, job.done, job.total) == (JobState.DONE, 10, 10)
    assert set(job.timings_s) == {"wait", "fetch", "model", "encode", "store"}
    assert len(parts.masks.read(job.masks_run).masklets[0].frames) == 10
    push = parts.ledger.latest_push(TASK)
    assert push is not None
    assert push.job_id == job.job_id


def test_an_unforeseen_error_fails_the_job_after_three_attempts() -> None:
    parts = Parts()
    parts.media.error = RuntimeError("boom")
    job_id = submitted(parts)
    states = [parts.run(parts.ledger.job(job_id)).state for _ in range(3)]
    assert states == [JobState.QUEUED, JobState.QUEUED, JobState.FAILED]
    assert parts.ledger.job(job_id).reason == "RuntimeError: boom"


def taken(parts: Parts) -> list[Job]:
    """The jobs that the queue holds, taken from it."""
    jobs = []
    while (entry := parts.queue.take(JobKind.PROPAGATE)) is not None:
        parts.queue.release(*entry)
        jobs.append(parts.ledger.job(entry[0]))
    return jobs


def swept(parts: Parts, job_id: str, seconds: int) -> list[float]:
    """Runs what the reconciler dispatches, second by second; returns when, in seconds from the start."""
    began_s, ran_at = parts.clock.now_s(), []
    for _ in range(seconds):
        parts.clock.advance(1.0)
        parts.reconciler.sweep()
        for job in taken(parts):
            ran_at.append(parts.clock.now_s() - began_s)
            parts.run(job)
    return ran_at


@pytest.mark.parametrize("error", [MediaUnreachable("no answer"), LabelStudioUnavailable("503"), MediaRefused("404")])
def test_an_outage_postpones_a_job_and_loses_nothing(error: Exception) -> None:
    parts = Parts()
    job_id = submitted(parts)
    taken(parts)
    parts.media.error = error
    assert parts.run(parts.ledger.job(job_id)).state is JobState.QUEUED
    ran_at = swept(parts, job_id, 30)
    assert ran_at == [3, 7, 15, 25]
    swept(parts, job_id, 1770)
    job = parts.ledger.job(job_id)
    assert (job.state, job.reason) == (JobState.QUEUED, f"{type(error).__name__}: {error}")
    parts.media.error = None
    assert len(swept(parts, job_id, 115)) == 1
    assert parts.ledger.job(job_id).state is JobState.DONE
    assert parts.ledger.failed_tries() == ()


def test_a_refused_medium_fails_the_job_after_a_day() -> None:
    parts = Parts()
    parts.media.error = MediaRefused("no such file (404)")
    job_id = submitted(parts)
    parts.run(parts.ledger.job(job_id))
    parts.clock.advance(24 * 3600)
    job = parts.run(parts.ledger.job(job_id))
    assert (job.state, job.reason) == (JobState.FAILED, "MediaRefused: no such file (404)")
    retry_now(parts.ledger)
    assert parts.ledger.job(job_id).state is JobState.QUEUED


def test_a_postponed_job_is_tried_at_once_when_asked_for() -> None:
    parts = Parts()
    parts.media.error = MediaUnreachable("no answer")
    job_id = submitted(parts)
    for _ in range(4):
        parts.run(parts.ledger.job(job_id))
    taken(parts)
    assert submitted(parts) == job_id
    assert [job.attempt for job in taken(parts)] == [5]
    parts.media.error = None
    assert parts.run(parts.ledger.job(job_id)).state is JobState.DONE


def test_a_person_is_told_why_a_postponed_job_waits() -> None:
    parts = Parts()
    parts.media.error = MediaUnreachable("no answer")
    for _ in range(4):
        with pytest.raises(MediaUnreachable, match="no answer"):
            parts.service.propagate_and_wait(USER_TASK, click_on(0), deadline_s=1.5)


def test_a_click_fails_after_three_tries_and_is_asked_again() -> None:
    parts = Parts()
    request = PreviewRequest(TASK, USER_TASK.media, click_on(0), FrameIndex(0), USER_TASK.model_version)
    job_id = parts.submitter.submit(request).job_id
    parts.media.error = MediaUnreachable("no answer")
    states = []
    for _ in range(3):
        states.append(parts.run(parts.ledger.job(job_id)).state)
        assert not parts.ledger.pending_waits().has_clicks, "a postponed click holds up no propagation"
    assert states == [JobState.QUEUED, JobState.QUEUED, JobState.FAILED]
    parts.media.error = None
    assert parts.run(parts.submitter.submit(request)).state is JobState.DONE


def test_an_error_that_no_retry_repairs_fails_at_once() -> None:
    parts = Parts()
    parts.media.error = MediaError("no video stream")
    job = parts.run(parts.ledger.job(submitted(parts)))
    assert (job.state, job.reason) == (JobState.FAILED, "MediaError: no video stream")
    assert parts.ledger.latest_push(TASK) is None


def test_a_prompt_past_the_end_fails_with_the_valid_range() -> None:
    parts = Parts()
    job = parts.run(parts.ledger.job(submitted(parts, frame=10)))
    assert job.state is JobState.FAILED
    assert "it has 10 frames (0 to 9)" in job.reason


def test_a_cancelled_job_stops_at_the_next_frame_without_masks() -> None:
    seen: list[int] = []
    parts = Parts(segmenter=FakeSegmenter(on_frame=seen.append))
    job_id = submitted(parts)

    def cancel_on_third(frame: int) -> None:
        seen.append(frame)
        parts.clock.advance(1)
        if frame == 2:
            parts.ledger.cancel(job_id)

    parts.segmenter.on_frame = cancel_on_third
    job = parts.run(parts.ledger.job(job_id))
    assert job.state is JobState.CANCELLED
    assert seen == [0, 1, 2]
    with pytest.raises(NotFound):
        parts.masks.read(f"{job_id}-a1")


def test_a_newer_prompt_supersedes_at_the_next_frame() -> None:
    parts = Parts()
    old = submitted(parts, frame=0)

    def newer_on_second(frame: int) -> None:
        parts.clock.advance(1)
        if frame == 1:
            submitted(parts, frame=5)

    parts.segmenter.on_frame = newer_on_second
    assert parts.run(parts.ledger.job(old)).state is JobState.SUPERSEDED
    parts.segmenter.on_frame = lambda _: None
    parts.work_off()
    newest = parts.ledger.jobs(task=TASK)[0]
    assert newest.state is JobState.DONE
    assert parts.ledger.latest_push(TASK) is not None


def test_a_stopping_worker_gives_a_video_in_progress_back_before_those_that_wait() -> None:
    parts = Parts()
    request = PropagationRequest(TASK, USER_TASK.media, click_on(0), model_version=USER_TASK.model_version)
    begun = parts.submitter.submit(request).job_id
    waiting = parts.submitter.submit(replace(request, task=TaskKey(TASK.project_id, 99))).job_id
    assert parts.queue.take(JobKind.PROPAGATE) == (begun, 1)

    def stop_at(frame: int) -> None:
        parts.clock.advance(5)
        parts.stopping = frame == 7

    parts.segmenter.on_frame = stop_at
    job = parts.run(parts.ledger.job(begun))
    assert (job.state, job.attempt) == (JobState.QUEUED, 2)
    assert [parts.queue.take(JobKind.PROPAGATE) for _ in range(2)] == [(begun, 2), (waiting, 1)]


def test_a_stopping_worker_requeues_without_counting_the_attempt() -> None:
    parts = Parts()
    parts.stopping = True
    job_id = submitted(parts)
    for _ in range(5):
        assert parts.run(parts.ledger.job(job_id)).state is JobState.QUEUED
    parts.stopping = False
    job = parts.run(parts.ledger.job(job_id))
    assert (job.state, job.attempt) == (JobState.DONE, 6)


def test_a_replaced_attempt_publishes_nothing() -> None:
    parts = Parts()
    job_id = submitted(parts)

    def presumed_dead(frame: int) -> None:
        if frame == 9:
            parts.ledger.requeue(job_id, 1, reason="ServiceUnavailable: silent", max_attempts=3)

    parts.segmenter.on_frame = presumed_dead
    job = parts.run(parts.ledger.job(job_id))
    assert (job.state, job.attempt) == (JobState.QUEUED, 2)
    assert parts.ledger.latest_push(TASK) is None
    with pytest.raises(NotFound):
        parts.masks.read(f"{job_id}-a1")


def test_a_delivery_of_a_finished_attempt_does_nothing() -> None:
    parts = Parts()
    job = parts.run(parts.ledger.job(submitted(parts)))
    opened = len(parts.media.opened)
    assert parts.runner.run(job.job_id, 1, lambda: False) == job
    assert len(parts.media.opened) == opened


def test_a_propagation_yields_to_a_click() -> None:
    parts = Parts()
    order: list[str] = []
    job_id = submitted(parts)
    parts.clock.work = parts.work_off
    pending = [True]

    def note(frame: int) -> None:
        order.append(f"frame {frame}")
        parts.clock.advance(1)
        if pending and frame == 3:
            pending.clear()
            parts.clock.work = lambda: None
            with pytest.raises(Exception, match="no worker answered"):
                parts.service.answer_click(
                    USER_TASK, click_on(8), parts.media.video.info.require_frame(8), deadline_s=0
                )
            parts.clock.work = parts.work_off

    parts.segmenter.on_frame = note
    parts.service = replace(parts.service, propagate_on_prompt=False)
    parts.run(parts.ledger.job(job_id))
    assert order == [*(f"frame {n}" for n in range(4)), "frame 8", *(f"frame {n}" for n in range(4, 10))]


def test_a_full_disk_costs_no_attempt_and_is_not_tried_at_once() -> None:
    parts = Parts()
    parts.media.error = StorageFull("no space is left")
    job_id = submitted(parts)
    for attempt in range(1, 6):
        assert parts.queue.take(JobKind.PROPAGATE) == (job_id, attempt)
        job = parts.run(parts.ledger.job(job_id))
        parts.queue.release(job_id, attempt)
        assert (job.state, job.attempt) == (JobState.QUEUED, attempt + 1)
        assert not parts.queue.is_known(job)
        parts.clock.advance(5.0)
        parts.reconciler.reconcile()
        assert parts.queue.is_known(job)
    parts.media.error = None
    assert parts.run(parts.ledger.job(job_id)).state is JobState.DONE
