"""The JobQueue contract: the fake, and RQ on a real Valkey server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from redis import Redis
from rq import Queue

from backend.adapters.queue.names import queue_name
from backend.adapters.queue.rq_queue import RqQueue
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.application.ports.queue import JobQueue
from backend.domain.errors import QueueUnavailable
from backend.domain.jobs import Job, JobKind, JobState
from backend.domain.tasks import TaskKey
from tests.fakes.queue import FakeQueue


class QueueSetup(Protocol):
    """A queue whose entries can be read and lost, and whose server can be stopped."""

    @property
    def queue(self) -> JobQueue: ...

    def waiting(self, kind: JobKind) -> list[tuple[str, int]]: ...

    def forget_all(self) -> None: ...

    def stop(self) -> None: ...


class FakeQueueSetup:
    def __init__(self) -> None:
        self.fake = FakeQueue()

    @property
    def queue(self) -> JobQueue:
        return self.fake

    def waiting(self, kind: JobKind) -> list[tuple[str, int]]:
        return list(self.fake._waiting[kind])

    def forget_all(self) -> None:
        self.fake.flush()

    def stop(self) -> None:
        self.fake.down = True


class ValkeyQueueSetup:
    def __init__(self, server: EmbeddedValkey) -> None:
        self.server = server
        self.rq = RqQueue(server.url)
        self.redis = Redis.from_url(server.url)

    @property
    def queue(self) -> JobQueue:
        return self.rq

    def waiting(self, kind: JobKind) -> list[tuple[str, int]]:
        queue = Queue(queue_name(kind), connection=self.redis, serializer="json")
        return [(str(entry.args[0]), int(entry.args[1])) for entry in queue.jobs]

    def forget_all(self) -> None:
        self.redis.flushall()

    def stop(self) -> None:
        self.server.stop()

    def end(self) -> None:
        self.rq.close()
        self.redis.close()
        self.server.stop()


@pytest.fixture(params=["fake", "valkey"])
def setup(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QueueSetup]:
    if request.param == "fake":
        yield FakeQueueSetup()
        return
    server = EmbeddedValkey(tmp_path)
    server.start()
    opened = ValkeyQueueSetup(server)
    yield opened
    opened.end()


def job(number: int = 0, *, kind: JobKind = JobKind.PROPAGATE, attempt: int = 1) -> Job:
    return Job(f"{kind[0]}-{number:040x}", kind, TaskKey(1, number), JobState.QUEUED, attempt)


def test_each_kind_has_a_queue_in_order_of_arrival(setup: QueueSetup) -> None:
    first, second, click = job(1), job(2), job(3, kind=JobKind.INTERACTIVE)
    for one in (first, click, second):
        setup.queue.enqueue(one, timeout_s=60)
    assert setup.waiting(JobKind.PROPAGATE) == [(first.job_id, 1), (second.job_id, 1)]
    assert setup.waiting(JobKind.INTERACTIVE) == [(click.job_id, 1)]
    assert setup.queue.depths() == {JobKind.INTERACTIVE: 1, JobKind.PROPAGATE: 2}


def test_one_attempt_enqueued_twice_is_one_entry(setup: QueueSetup) -> None:
    for _ in range(3):
        setup.queue.enqueue(job(), timeout_s=60)
    assert setup.waiting(JobKind.PROPAGATE) == [(job().job_id, 1)]
    setup.queue.enqueue(job(attempt=2), timeout_s=60)
    assert setup.queue.depths()[JobKind.PROPAGATE] == 2


def test_only_the_attempt_that_was_enqueued_is_known(setup: QueueSetup) -> None:
    assert not setup.queue.is_known(job())
    setup.queue.enqueue(job(), timeout_s=60)
    assert setup.queue.is_known(job())
    assert not setup.queue.is_known(replace(job(), attempt=2))


def test_the_unknown_among_many_jobs_are_named(setup: QueueSetup) -> None:
    whole, click, lost, newer = job(1), job(2, kind=JobKind.INTERACTIVE), job(3), job(1, attempt=2)
    for known in (whole, click):
        setup.queue.enqueue(known, timeout_s=60)
    assert setup.queue.unknown([whole, lost, click, newer]) == (lost, newer)
    assert setup.queue.unknown([]) == ()


def test_a_lost_entry_can_be_enqueued_again(setup: QueueSetup) -> None:
    setup.queue.enqueue(job(), timeout_s=60)
    setup.forget_all()
    assert not setup.queue.is_known(job())
    assert setup.queue.depths() == {JobKind.INTERACTIVE: 0, JobKind.PROPAGATE: 0}
    setup.queue.enqueue(job(), timeout_s=60)
    assert setup.waiting(JobKind.PROPAGATE) == [(job().job_id, 1)]


def test_without_a_worker_the_worker_counts_are_zero(setup: QueueSetup) -> None:
    assert setup.queue.workers() == {JobKind.INTERACTIVE: 0, JobKind.PROPAGATE: 0}


def test_a_stopped_queue_raises_queue_unavailable(setup: QueueSetup) -> None:
    setup.queue.enqueue(job(), timeout_s=60)
    setup.stop()
    for call in (
        lambda: setup.queue.enqueue(job(), timeout_s=60),
        lambda: setup.queue.is_known(job()),
        setup.queue.depths,
        setup.queue.workers,
    ):
        with pytest.raises(QueueUnavailable, match="the queue does not answer"):
            call()
