"""A task's jobs go to the worker that has its frames, while that one is idle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from backend.adapters.queue import rq_worker
from backend.adapters.queue.rq_worker import MaskletWorker
from backend.domain.jobs import Job, JobKind
from tests.integration.queue.conftest import QueueStack


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rq_worker, "LEAVE_S", 0.0)


@contextmanager
def worker(stack: QueueStack, name: str) -> Iterator[MaskletWorker]:
    """A worker that is registered, and takes entries when the test says so: then their job fails at once."""
    one = MaskletWorker(stack.valkey.url, JobKind.PROPAGATE, name=name, find_job=stack.ledger.job)
    one.register_birth()
    yield one
    one.connection.close()


def takes(one: MaskletWorker) -> bool:
    return one._work_once()


def again(stack: QueueStack, job: Job) -> Job:
    """The job's next attempt, in the queue."""
    assert stack.ledger.start(job.job_id, job.attempt, "first") is not None
    renewed = stack.ledger.requeue(job.job_id, job.attempt, reason="again", max_attempts=99)
    stack.submitter.dispatch(renewed)
    return renewed


def test_an_idle_holder_gets_its_tasks_jobs_and_a_busy_one_does_not(stack: QueueStack) -> None:
    with worker(stack, "first") as first, worker(stack, "second") as second:
        job = stack.submit(1)
        assert takes(first), "nobody has the frames yet"
        job = again(stack, job)
        assert not takes(second), "it is left to the first"
        assert stack.queue.is_known(job)
        assert stack.queue.depths()[JobKind.PROPAGATE] == 1
        assert takes(first)
        job = again(stack, job)
        assert not takes(second)
        assert takes(second), "left once, then anybody takes it"
        job = again(stack, job)
        second.connection.hset(second.key, "current_job", "another")
        assert takes(first), "the second has the frames, and is busy"
        job = again(stack, job)
        first.connection.delete(first.key)
        assert takes(second), "the first is gone"


def test_a_single_worker_takes_every_entry(stack: QueueStack) -> None:
    with worker(stack, "only") as only:
        job = stack.submit(1)
        assert takes(only)
        again(stack, job)
        assert takes(only)
