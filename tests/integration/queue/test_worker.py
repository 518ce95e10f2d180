"""Jobs on a real server and real worker processes, and their recovery from kills."""

from __future__ import annotations

import os
import signal

import pytest
from redis import Redis
from rq import Queue

from backend.adapters.queue.names import queue_name
from backend.domain.jobs import JobKind, JobState
from tests.fakes.eventually import eventually
from tests.integration.queue.conftest import QueueStack
from tests.integration.queue.worker_process import EXITS, RAISES, SEGFAULTS


def test_a_submitted_job_is_done(stack: QueueStack) -> None:
    worker = stack.worker()
    job = stack.submit(3)
    eventually(lambda: stack.state(job) is JobState.DONE)
    # The job itself writes DONE to the ledger; its worker ends the queue's entry after that.
    eventually(lambda: not stack.queue.is_known(job))
    assert stack.queue.depths() == {JobKind.INTERACTIVE: 0, JobKind.PROPAGATE: 0}
    assert stack.queue.workers() == {JobKind.INTERACTIVE: 0, JobKind.PROPAGATE: 1}
    assert not stack.queue.is_known(job)
    worker.terminate()
    assert worker.wait(60) == 0
    assert stack.queue.workers()[JobKind.PROPAGATE] == 0


def test_the_job_of_a_killed_worker_runs_on_another_worker(stack: QueueStack) -> None:
    first = stack.worker("first")
    job = stack.submit(100_000)
    eventually(lambda: stack.ledger.job(job.job_id).done > 1)
    assert stack.queue.is_known(job)
    first.kill()
    first.wait()
    reconciler = stack.reconciler()
    eventually(lambda: stack.ledger.job(job.job_id).attempt == 2, each=reconciler.sweep)
    stack.worker("second")
    eventually(lambda: stack.ledger.job(job.job_id).worker == "second")
    running = stack.ledger.job(job.job_id)
    assert (running.state, running.attempt) == (JobState.RUNNING, 2)
    assert stack.queue.is_known(running)


def test_sigterm_requeues_the_job_at_once(stack: QueueStack) -> None:
    worker = stack.worker()
    job = stack.submit(100_000)
    eventually(lambda: stack.state(job) is JobState.RUNNING)
    worker.terminate()
    assert worker.wait(60) == 0
    requeued = stack.ledger.job(job.job_id)
    assert (requeued.state, requeued.attempt) == (JobState.QUEUED, 2)


def test_sigterm_stops_an_idle_worker(stack: QueueStack) -> None:
    worker = stack.worker()
    eventually(lambda: stack.queue.workers()[JobKind.PROPAGATE] == 1)
    worker.send_signal(signal.SIGINT)
    assert worker.wait(60) == 0


@pytest.mark.parametrize("how", [RAISES, EXITS], ids=["raises", "exits"])
def test_a_failing_job_leaves_the_worker_alive(stack: QueueStack, how: int) -> None:
    worker = stack.worker()
    stack.submit(1, project_id=how)
    good = stack.submit(1)
    eventually(lambda: stack.state(good) is JobState.DONE)
    assert worker.poll() is None


def test_a_job_that_kills_its_worker_fails_after_three_attempts(stack: QueueStack) -> None:
    job = stack.submit(1, project_id=SEGFAULTS)
    reconciler = stack.reconciler()
    for attempt in (1, 2, 3):
        worker = stack.worker(f"worker-{attempt}")
        assert worker.wait(60) == -signal.SIGABRT
        reconciler.worker_died(f"worker-{attempt}")
    assert (stack.state(job), stack.ledger.job(job.job_id).attempt) == (JobState.FAILED, 3)


def test_jobs_survive_a_killed_server(stack: QueueStack) -> None:
    job = stack.submit(1)
    kill_server(stack)
    stack.valkey.start()
    assert stack.queue.is_known(job)
    stack.worker()
    eventually(lambda: stack.state(job) is JobState.DONE)


def test_a_worker_survives_a_killed_server_idle_and_at_work(stack: QueueStack) -> None:
    worker = stack.worker()
    eventually(lambda: stack.queue.workers()[JobKind.PROPAGATE] == 1)
    kill_server(stack)
    stack.valkey.start()
    job = stack.submit(200)
    eventually(lambda: stack.state(job) is JobState.RUNNING)
    kill_server(stack)
    eventually(lambda: stack.state(job) is JobState.DONE)  # with no server at all
    stack.valkey.start()
    another = stack.submit(2)
    eventually(lambda: stack.state(another) is JobState.DONE)
    assert worker.poll() is None
    assert stack.queue.workers()[JobKind.PROPAGATE] == 1


def test_after_flushall_the_ledger_queues_its_jobs_again(stack: QueueStack) -> None:
    job = stack.submit(1)
    with Redis.from_url(stack.valkey.url) as redis:
        redis.flushall()
    assert not stack.queue.is_known(job)
    reconciler = stack.reconciler()
    eventually(lambda: stack.queue.is_known(job), each=reconciler.sweep)
    stack.worker()
    eventually(lambda: stack.state(job) is JobState.DONE)


def test_a_forged_entry_is_refused_and_the_next_job_done(stack: QueueStack) -> None:
    target = stack.folder / "forged"
    with Redis.from_url(stack.valkey.url) as redis:
        forged = Queue(queue_name(JobKind.PROPAGATE), connection=redis, serializer="json")
        entry = forged.enqueue_call("os.makedirs", args=[str(target)])
        hooked = forged.enqueue_call("backend.interfaces.worker.run_job", args=["p-" + "0" * 40, 1])
        redis.hset(hooked.key, "success_callback_name", "os.abort")
        worker = stack.worker()
        job = stack.submit(1)
        eventually(lambda: stack.state(job) is JobState.DONE)
        assert worker.poll() is None
        assert not target.exists()
        assert redis.hget(entry.key, "status") == b"failed"
        assert not redis.exists(hooked.key)
        assert redis.llen(forged.intermediate_queue_key) == 0


def test_an_entry_that_is_no_job_at_all_is_dropped(stack: QueueStack) -> None:
    with Redis.from_url(stack.valkey.url) as redis:
        queue = Queue(queue_name(JobKind.PROPAGATE), connection=redis)
        redis.hset("rq:job:garbage", mapping={"data": b"\xff\xfe", "timeout": "soon"})
        redis.rpush(queue.key, "garbage", "not-there")
        worker = stack.worker()
        job = stack.submit(1)
        eventually(lambda: stack.state(job) is JobState.DONE)
        assert worker.poll() is None


def kill_server(stack: QueueStack) -> None:
    pid = int((stack.folder / "queue" / "valkey.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not stack.valkey.is_ready())
