"""What every JobQueue keeps its word on: the fake, and RQ on a real Valkey server."""

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


class Rig(Protocol):
    """A queue and what befalls it."""

    @property
    def queue(self) -> JobQueue: ...

    def waiting(self, kind: JobKind) -> list[tuple[str, int]]: ...

    def forget_all(self) -> None: ...

    def stop(self) -> None: ...


class FakeRig:
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


class ValkeyRig:
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
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    if request.param == "fake":
        yield FakeRig()
        return
    server = EmbeddedValkey(tmp_path)
    server.start()
    opened = ValkeyRig(server)
    yield opened
    opened.end()


def job(number: int = 0, *, kind: JobKind = JobKind.PROPAGATE, attempt: int = 1) -> Job:
    return Job(f"{kind[0]}-{number:040x}", kind, TaskKey(1, number), JobState.QUEUED, attempt)


def test_entries_wait_in_the_order_they_came_each_kind_in_its_queue(rig: Rig) -> None:
    first, second, click = job(1), job(2), job(3, kind=JobKind.INTERACTIVE)
    for one in (first, click, second):
        rig.queue.enqueue(one, timeout_s=60)
    assert rig.waiting(JobKind.PROPAGATE) == [(first.job_id, 1), (second.job_id, 1)]
    assert rig.waiting(JobKind.INTERACTIVE) == [(click.job_id, 1)]
    assert rig.queue.depths() == {JobKind.INTERACTIVE: 1, JobKind.PROPAGATE: 2}


def test_one_attempt_enqueued_twice_is_one_entry(rig: Rig) -> None:
    for _ in range(3):
        rig.queue.enqueue(job(), timeout_s=60)
    assert rig.waiting(JobKind.PROPAGATE) == [(job().job_id, 1)]
    rig.queue.enqueue(job(attempt=2), timeout_s=60)
    assert rig.queue.depths()[JobKind.PROPAGATE] == 2


def test_only_the_attempt_that_was_enqueued_is_known(rig: Rig) -> None:
    assert not rig.queue.is_known(job())
    rig.queue.enqueue(job(), timeout_s=60)
    assert rig.queue.is_known(job())
    assert not rig.queue.is_known(replace(job(), attempt=2))


def test_what_was_forgotten_can_be_enqueued_again(rig: Rig) -> None:
    rig.queue.enqueue(job(), timeout_s=60)
    rig.forget_all()
    assert not rig.queue.is_known(job())
    assert rig.queue.depths() == {JobKind.INTERACTIVE: 0, JobKind.PROPAGATE: 0}
    rig.queue.enqueue(job(), timeout_s=60)
    assert rig.waiting(JobKind.PROPAGATE) == [(job().job_id, 1)]


def test_no_worker_is_seen_where_there_is_none(rig: Rig) -> None:
    assert rig.queue.workers() == {JobKind.INTERACTIVE: 0, JobKind.PROPAGATE: 0}


def test_a_queue_that_is_away_says_so(rig: Rig) -> None:
    rig.queue.enqueue(job(), timeout_s=60)
    rig.stop()
    for call in (
        lambda: rig.queue.enqueue(job(), timeout_s=60),
        lambda: rig.queue.is_known(job()),
        rig.queue.depths,
        rig.queue.workers,
    ):
        with pytest.raises(QueueUnavailable, match="the queue does not answer"):
            call()
