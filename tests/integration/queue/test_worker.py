"""Jobs through a real server and real worker processes, and what they survive."""

from __future__ import annotations

import os
import signal

import pytest
from redis import Redis
from rq import Queue

from backend.adapters.queue.names import queue_name
from backend.domain.jobs import JobKind, JobState
from tests.integration.queue.conftest import Bench, eventually
from tests.integration.queue.worker_process import EXITS, RAISES, SEGFAULTS


def test_a_submitted_job_is_done(bench: Bench) -> None:
    worker = bench.worker()
    job = bench.submit(3)
    eventually(lambda: bench.state(job) is JobState.DONE)
    assert bench.queue.depths() == {JobKind.INTERACTIVE: 0, JobKind.PROPAGATE: 0}
    assert bench.queue.workers() == {JobKind.INTERACTIVE: 0, JobKind.PROPAGATE: 1}
    assert not bench.queue.is_known(job)
    worker.terminate()
    assert worker.wait(60) == 0
    assert bench.queue.workers()[JobKind.PROPAGATE] == 0


def test_a_worker_killed_at_work_is_found_by_its_silence_and_the_job_done_by_another(bench: Bench) -> None:
    first = bench.worker("first")
    job = bench.submit(100_000)
    eventually(lambda: bench.ledger.job(job.job_id).done > 1)
    assert bench.queue.is_known(job)
    first.kill()
    first.wait()
    reconciler = bench.reconciler()
    eventually(lambda: bench.ledger.job(job.job_id).attempt == 2, each=reconciler.sweep)
    bench.worker("second")
    eventually(lambda: bench.ledger.job(job.job_id).worker == "second")
    running = bench.ledger.job(job.job_id)
    assert (running.state, running.attempt) == (JobState.RUNNING, 2)
    assert bench.queue.is_known(running)


def test_sigterm_gives_the_job_back_at_once(bench: Bench) -> None:
    worker = bench.worker()
    job = bench.submit(100_000)
    eventually(lambda: bench.state(job) is JobState.RUNNING)
    worker.terminate()
    assert worker.wait(60) == 0
    given_back = bench.ledger.job(job.job_id)
    assert (given_back.state, given_back.attempt) == (JobState.QUEUED, 2)


def test_sigterm_stops_an_idle_worker(bench: Bench) -> None:
    worker = bench.worker()
    eventually(lambda: bench.queue.workers()[JobKind.PROPAGATE] == 1)
    worker.send_signal(signal.SIGINT)
    assert worker.wait(60) == 0


@pytest.mark.parametrize("how", [RAISES, EXITS], ids=["raises", "exits"])
def test_a_job_that_breaks_leaves_the_worker_alive(bench: Bench, how: int) -> None:
    worker = bench.worker()
    bench.submit(1, project_id=how)
    good = bench.submit(1)
    eventually(lambda: bench.state(good) is JobState.DONE)
    assert worker.poll() is None


def test_a_job_that_kills_its_worker_is_given_up_after_its_attempts(bench: Bench) -> None:
    job = bench.submit(1, project_id=SEGFAULTS)
    reconciler = bench.reconciler()
    for attempt in (1, 2, 3):
        worker = bench.worker(f"worker-{attempt}")
        assert worker.wait(60) == -signal.SIGABRT
        reconciler.worker_died(f"worker-{attempt}")
    assert (bench.state(job), bench.ledger.job(job.job_id).attempt) == (JobState.FAILED, 3)


def test_jobs_survive_a_killed_server(bench: Bench) -> None:
    job = bench.submit(1)
    kill_server(bench)
    bench.valkey.start()
    assert bench.queue.is_known(job)
    bench.worker()
    eventually(lambda: bench.state(job) is JobState.DONE)


def test_a_worker_survives_a_killed_server_idle_and_at_work(bench: Bench) -> None:
    worker = bench.worker()
    eventually(lambda: bench.queue.workers()[JobKind.PROPAGATE] == 1)
    kill_server(bench)
    bench.valkey.start()
    job = bench.submit(200)
    eventually(lambda: bench.state(job) is JobState.RUNNING)
    kill_server(bench)
    eventually(lambda: bench.state(job) is JobState.DONE)  # with no server at all
    bench.valkey.start()
    another = bench.submit(2)
    eventually(lambda: bench.state(another) is JobState.DONE)
    assert worker.poll() is None
    assert bench.queue.workers()[JobKind.PROPAGATE] == 1


def test_after_flushall_the_ledger_offers_everything_again(bench: Bench) -> None:
    job = bench.submit(1)
    with Redis.from_url(bench.valkey.url) as redis:
        redis.flushall()
    assert not bench.queue.is_known(job)
    reconciler = bench.reconciler()
    eventually(lambda: bench.queue.is_known(job), each=reconciler.sweep)
    bench.worker()
    eventually(lambda: bench.state(job) is JobState.DONE)


def test_a_forged_entry_is_refused_and_the_next_job_done(bench: Bench) -> None:
    target = bench.folder / "forged"
    with Redis.from_url(bench.valkey.url) as redis:
        forged = Queue(queue_name(JobKind.PROPAGATE), connection=redis, serializer="json")
        entry = forged.enqueue_call("os.makedirs", args=[str(target)])
        hooked = forged.enqueue_call("backend.interfaces.worker.run_job", args=["p-" + "0" * 40, 1])
        redis.hset(hooked.key, "success_callback_name", "os.abort")
        worker = bench.worker()
        job = bench.submit(1)
        eventually(lambda: bench.state(job) is JobState.DONE)
        assert worker.poll() is None
        assert not target.exists()
        assert redis.hget(entry.key, "status") == b"failed"
        assert not redis.exists(hooked.key)
        assert redis.llen(forged.intermediate_queue_key) == 0


def test_an_entry_that_is_no_job_at_all_is_dropped(bench: Bench) -> None:
    with Redis.from_url(bench.valkey.url) as redis:
        queue = Queue(queue_name(JobKind.PROPAGATE), connection=redis)
        redis.hset("rq:job:garbage", mapping={"data": b"\xff\xfe", "timeout": "soon"})
        redis.rpush(queue.key, "garbage", "not-there")
        worker = bench.worker()
        job = bench.submit(1)
        eventually(lambda: bench.state(job) is JobState.DONE)
        assert worker.poll() is None


def kill_server(bench: Bench) -> None:
    pid = int((bench.folder / "queue" / "valkey.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not bench.valkey.is_ready())
