"""The sweep that repairs jobs after a crash."""

from __future__ import annotations

from dataclasses import replace

from backend.application.jobs.reconcile import FULL_CHECK_S
from backend.application.jobs.retention import Housekeeper
from backend.domain.jobs import Job, JobKind, JobState, PropagationRequest
from backend.domain.tasks import TaskKey
from tests.fakes.key_value import MemoryKeyValueStore
from tests.unit.application.builders import TASK, USER_TASK, Parts, click_on, parts_of_today
from tests.unit.application.worker.test_job_runner import submitted


def test_a_job_missing_in_the_queue_is_enqueued_again() -> None:
    parts = Parts()
    parts.queue.down = True
    job_id = submitted(parts)
    parts.clock.advance(5)
    parts.reconciler.sweep()
    parts.queue.down = False
    assert not parts.queue.is_known(parts.ledger.job(job_id))
    parts.reconciler.sweep()
    assert parts.queue.is_known(parts.ledger.job(job_id))


def test_a_silent_worker_s_job_is_requeued() -> None:
    parts = Parts()
    job_id = submitted(parts)
    parts.ledger.start(job_id, 1, "worker-9")
    parts.clock.advance(59)
    parts.reconciler.sweep()
    assert parts.ledger.job(job_id).attempt == 1
    parts.clock.advance(2)
    parts.reconciler.sweep()
    job = parts.ledger.job(job_id)
    assert (job.state, job.attempt) == (JobState.QUEUED, 2)
    assert parts.queue.is_known(job)


def propagation_of(parts: Parts, task_id: int) -> str:
    task = TaskKey(TASK.project_id, task_id)
    request = PropagationRequest(task, USER_TASK.media, click_on(0), model_version=USER_TASK.model_version)
    return parts.submitter.submit(request).job_id


def test_a_video_in_progress_goes_before_a_batch_that_waits_and_one_that_had_not_begun_after_it() -> None:
    parts = Parts()
    begun, started, waiting = (propagation_of(parts, number) for number in (1, 2, 3))
    for job_id in (begun, started):
        assert parts.queue.take(JobKind.PROPAGATE) == (job_id, 1)
        parts.ledger.start(job_id, 1, "worker-9")
        parts.queue.release(job_id, 1)
    parts.ledger.progress(begun, 1, 3, 10)
    parts.reconciler.worker_died("worker-9")
    order = [parts.queue.take(JobKind.PROPAGATE) for _ in range(3)]
    assert order == [(begun, 2), (waiting, 1), (started, 2)]


def test_a_video_that_kills_workers_fails_after_three() -> None:
    parts = Parts()
    job_id = submitted(parts)
    for attempt in (1, 2, 3):
        parts.ledger.start(job_id, attempt, "worker-9")
        parts.reconciler.worker_died("worker-9")
    job = parts.ledger.job(job_id)
    assert (job.state, job.reason) == (JobState.FAILED, "ServiceUnavailable: the worker worker-9 died")


def test_another_worker_s_death_does_not_change_the_job() -> None:
    parts = Parts()
    job_id = submitted(parts)
    parts.ledger.start(job_id, 1, "worker-1")
    parts.reconciler.worker_died("worker-2")
    assert parts.ledger.job(job_id).state is JobState.RUNNING


def test_a_sweep_pushes_what_is_due() -> None:
    parts = Parts()
    parts.service.propagate_and_wait(USER_TASK, click_on(0), deadline_s=5)
    parts.reconciler.sweep()
    assert (TASK, USER_TASK.model_version) in parts.sink.predictions


def test_a_sweep_deletes_old_jobs_and_masks() -> None:
    parts = parts_of_today()
    for frame in (0, 5):
        parts.service.propagate_and_wait(USER_TASK, click_on(frame), deadline_s=5)
    parts.reconciler = replace(
        parts.reconciler,
        housekeeper=Housekeeper(
            parts.ledger, parts.masks, parts.clock, None, retention_s=10, key_values=MemoryKeyValueStore()
        ),
    )
    parts.clock.advance(11)
    parts.reconciler.sweep()
    assert len(parts.masks.runs()) == 1


def test_a_sweep_reads_no_queued_job_while_the_queue_has_them() -> None:
    """Three thousand queued tasks kept the reconciler busy: it asked the queue for each, every second."""
    parts = Parts()
    for task in range(1, 6):
        parts.submitter.submit(
            PropagationRequest(TaskKey(3, task), USER_TASK.media, click_on(0), model_version="masklet-fake-00000000")
        )
    parts.clock.advance(5)
    parts.reconciler.sweep()
    asked: list[str] = []

    def is_known(job: Job) -> bool:
        asked.append(job.job_id)
        return True

    parts.queue.is_known = is_known  # type: ignore[method-assign]
    parts.clock.advance(1)
    parts.reconciler.sweep()
    assert asked == []
    parts.clock.advance(FULL_CHECK_S)
    parts.reconciler.sweep()
    assert len(asked) == 5


def test_a_lost_job_behind_entries_of_ended_jobs_is_found() -> None:
    parts = Parts()
    job_id = submitted(parts)
    ended = parts.submitter.submit(PropagationRequest(TaskKey(3, 9), USER_TASK.media, click_on(0)))
    parts.clock.advance(5)
    parts.reconciler.sweep()
    parts.ledger.cancel(ended.job_id)
    lost = parts.ledger.job(job_id)
    parts.queue._waiting[JobKind.PROPAGATE].remove((job_id, 1))
    parts.reconciler.sweep()
    assert not parts.queue.is_known(lost)
    parts.clock.advance(FULL_CHECK_S)
    parts.reconciler.sweep()
    assert parts.queue.is_known(lost)
