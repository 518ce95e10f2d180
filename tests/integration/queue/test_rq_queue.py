"""RqQueue on RQ's hashes, lists and registries, on a real server."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from backend.adapters.queue import rq_queue
from backend.adapters.queue.rq_queue import RqQueue
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.domain.errors import QueueUnavailable
from backend.domain.jobs import Job, JobKind, JobState
from backend.domain.tasks import TaskKey

JOB = Job("p-" + "0" * 40, JobKind.PROPAGATE, TaskKey(1, 2), JobState.QUEUED, 1)
ENTRY = f"rq:job:{JOB.job_id}-a1"
QUEUE = "rq:queue:masklet:propagate"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    opened = EmbeddedValkey(tmp_path)
    opened.start()
    yield opened
    opened.stop()


@pytest.fixture
def redis(server: EmbeddedValkey) -> Iterator[Redis]:
    with Redis.from_url(server.url) as connection:
        yield connection


@pytest.fixture
def queue(server: EmbeddedValkey) -> Iterator[RqQueue]:
    opened = RqQueue(server.url)
    yield opened
    opened.close()


def test_an_entry_has_the_id_and_the_attempt_only(queue: RqQueue, redis: Redis) -> None:
    queue.enqueue(JOB, timeout_s=61.2)
    stored = redis.hget(ENTRY, "data")
    assert isinstance(stored, bytes)
    data = json.loads(zlib.decompress(stored))
    assert data == ["backend.interfaces.worker.run_job", None, [JOB.job_id, 1], {}]
    assert redis.hget(ENTRY, "timeout") == b"62"
    assert redis.ttl(ENTRY) == -1


def test_a_job_that_goes_first_is_before_those_that_wait(queue: RqQueue, redis: Redis) -> None:
    waiting, first = (replace(JOB, job_id="p-" + digit * 40) for digit in "12")
    queue.enqueue(JOB, timeout_s=60)
    queue.enqueue(waiting, timeout_s=60)
    for _ in range(2):
        queue.enqueue(first, timeout_s=60, goes_first=True)
    order = [f"{job.job_id}-a1".encode() for job in (first, JOB, waiting)]
    assert redis.lrange(QUEUE, 0, -1) == order


@pytest.mark.parametrize(("requested_s", "stored"), [(0.0, b"1"), (1e9, b"7200"), (-1.0, b"1")])
def test_the_timeout_is_never_endless(queue: RqQueue, redis: Redis, requested_s: float, stored: bytes) -> None:
    queue.enqueue(JOB, timeout_s=requested_s)
    assert redis.hget(ENTRY, "timeout") == stored


@pytest.mark.parametrize("status", ["finished", "failed", "stopped"])
def test_an_ended_entry_is_not_known_and_is_replaced(queue: RqQueue, redis: Redis, status: str) -> None:
    queue.enqueue(JOB, timeout_s=60)
    redis.lpop(QUEUE)
    redis.hset(ENTRY, "status", status)
    assert not queue.is_known(JOB)
    queue.enqueue(JOB, timeout_s=60)
    assert redis.hget(ENTRY, "status") == b"queued"
    assert redis.lrange(QUEUE, 0, -1) == [f"{JOB.job_id}-a1".encode()]


def test_a_started_entry_is_known_while_its_worker_has_it(queue: RqQueue, redis: Redis) -> None:
    queue.enqueue(JOB, timeout_s=60)
    redis.lpop(QUEUE)
    redis.hset(ENTRY, mapping={"status": "started", "worker_name": "w"})
    assert not queue.is_known(JOB), "the worker is gone"
    redis.hset("rq:worker:w", "current_job", f"{JOB.job_id}-a1")
    assert queue.is_known(JOB)
    redis.delete("rq:worker:w")
    redis.hset("rq:worker:w", "state", "idle")
    assert not queue.is_known(JOB), "its successor of the same name runs another job"


def test_an_entry_between_queue_and_worker_is_known_briefly(
    queue: RqQueue, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(JOB, timeout_s=60)
    redis.lmove(QUEUE, f"{QUEUE}:intermediate")
    assert queue.is_known(JOB)
    assert queue.is_known(JOB)
    monkeypatch.setattr(rq_queue, "HANDOVER_S", 0)
    assert not queue.is_known(JOB)
    queue.enqueue(JOB, timeout_s=60)
    assert redis.lrange(f"{QUEUE}:intermediate", 0, -1) == []
    assert redis.llen(QUEUE) == 1


def test_a_server_out_of_memory_is_reported(queue: RqQueue, redis: Redis) -> None:
    redis.config_set("maxmemory", "1")
    with pytest.raises(QueueUnavailable, match="out of memory"):
        queue.enqueue(JOB, timeout_s=60)


def test_reading_depths_writes_nothing(queue: RqQueue, redis: Redis) -> None:
    redis.zadd("rq:wip:masklet:propagate", {"long-abandoned": 1})
    before = redis.info("persistence")["rdb_changes_since_last_save"]
    queue.depths()
    queue.workers()
    assert redis.info("persistence")["rdb_changes_since_last_save"] == before
    assert redis.zcard("rq:wip:masklet:propagate") == 1


@pytest.mark.parametrize(
    ("expires_in_s", "step_due_s", "counted"),
    [(59, "60.0", (1, 0)), (59, None, (1, 0)), (20, "600.0", (0, 1)), (55, "-3.0", (0, 1)), (0, "60.0", (0, 0))],
    ids=["works", "says nothing", "sends no heartbeat", "makes no step", "is gone"],
)
def test_workers_count_that_make_progress(
    queue: RqQueue, redis: Redis, expires_in_s: int, step_due_s: str | None, counted: tuple[int, int]
) -> None:
    redis.sadd("rq:workers:masklet:propagate", "rq:worker:w")
    if expires_in_s:
        redis.hset("rq:worker:w", mapping={"state": "busy", **({"step_due_s": step_due_s} if step_due_s else {})})
        redis.expire("rq:worker:w", expires_in_s)
    assert queue.workers()[JobKind.PROPAGATE] == counted[0]
    assert queue.workers_and_silent() == {JobKind.INTERACTIVE: (0, 0), JobKind.PROPAGATE: counted}
