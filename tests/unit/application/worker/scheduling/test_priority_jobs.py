"""Priority jobs beside the worker's own job, with real threads, a real ledger and a real mask store."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.application.jobs.submit import Submitter
from backend.application.worker.job_runner import JobRunner
from backend.application.worker.scheduling import priority_jobs as priority_jobs_module
from backend.application.worker.scheduling.priority_jobs import PriorityJobs
from backend.domain.jobs import Job, JobKind, JobState, PropagationRequest
from backend.domain.tasks import TaskKey
from tests.fakes.engine import FakeCodec, FakeMedia, FakeSegmenter, FakeVideo
from tests.fakes.key_value import MemoryKeyValueStore
from tests.fakes.queue import FakeQueue
from tests.unit.application.builders import USER_TASK, click_on

LONG, SHORT, OTHER = TaskKey(3, 41), TaskKey(3, 42), TaskKey(3, 43)
PATIENCE_S = 60.0


@dataclass
class Worker:
    """A worker. on_frame runs before each computed frame."""

    ledger: SqlLedger
    masks: FileMaskStore
    on_frame: Callable[[int], None] = lambda _: None
    queue: FakeQueue = field(default_factory=FakeQueue)

    def __post_init__(self) -> None:
        self.submitter = Submitter(self.ledger, self.queue)
        self.runner = JobRunner(
            self.ledger,
            self.masks,
            FakeCodec(),
            FakeMedia(FakeVideo(60)),
            FakeSegmenter(lambda index: self.on_frame(index)),
            self.submitter,
            SystemClock(),
            worker_name="propagate-1",
            max_attempts=3,
            pushes=False,
            key_values=MemoryKeyValueStore(),
        )
        self.priority_jobs = PriorityJobs(self.runner, lambda: False)

    def submit(self, task: TaskKey, *, has_waiter: bool = False) -> Job:
        job = self.submitter.submit(PropagationRequest(task, USER_TASK.media, click_on(0), model_version="v"))
        if has_waiter:
            self.ledger.add_waiter(job.job_id, until_s=SystemClock().now_s() + PATIENCE_S)
        return job

    def answered(self, job: Job) -> None:
        self.ledger.remove_waiter(job.job_id, until_s=SystemClock().now_s() + 2 * PATIENCE_S)

    def run(self, job: Job) -> Job:
        return self.runner.run(job.job_id, job.attempt, lambda: False)

    def records(self, job: Job) -> list[object]:
        return list(self.masks.records(self.ledger.job(job.job_id).masks_run))


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    # no yield ends early on a slow machine
    monkeypatch.setattr("backend.application.worker.scheduling.job_control.WAITER_YIELD_S", 600.0)
    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite", SystemClock())) as ledger:
        yield Worker(ledger, FileMaskStore(tmp_path / "masks"))


def test_a_priority_job_is_done_before_the_running_job(worker: Worker) -> None:
    uninterrupted = worker.submit(OTHER)
    worker.run(uninterrupted)
    long, short, ended = worker.submit(LONG), list[Job](), list[tuple[JobState, int]]()
    worker.priority_jobs.ended = lambda job_id: ended.append((worker.ledger.job(long.job_id).state, len(made)))
    made: list[int] = []

    def on_frame(index: int) -> None:
        made.append(index)
        if len(made) == 5:
            short.append(worker.submit(SHORT, has_waiter=True))
            worker.priority_jobs.poll()

    worker.on_frame = on_frame
    assert worker.run(long).state is JobState.DONE
    worker.priority_jobs.join(PATIENCE_S)
    assert worker.ledger.job(short[0].job_id).state is JobState.DONE
    assert ended[0][0] is JobState.RUNNING
    assert made == [*range(5), *range(60), *range(5, 60)]
    assert worker.records(long) == worker.records(short[0]) == worker.records(uninterrupted)


def test_jobs_with_waiters_take_turns(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    # one turn for each frame: a slow machine does not yield once more before the next one
    monkeypatch.setattr("backend.application.worker.scheduling.job_control.WAITS_FRESH_S", 600.0)
    long, *others = [worker.submit(task, has_waiter=True) for task in (LONG, SHORT, OTHER)]
    made: list[str] = []

    def have_all_queued_up() -> bool:
        """Whether every job with frames left stands in the queue: one that still stores a frame misses no turn."""
        frames = Counter(made)
        with_frames_left = sum(count < 60 for count in frames.values())
        return len(frames) < 3 or len(worker.runner.engine_queue._entries) >= with_frames_left

    def on_frame(index: int) -> None:
        made.append(threading.current_thread().name)
        if len(made) == 1:
            assert worker.priority_jobs.poll() == 2
        give_up_s = time.monotonic() + PATIENCE_S
        while not have_all_queued_up():
            assert time.monotonic() < give_up_s
            time.sleep(0.001)

    worker.on_frame = on_frame
    worker.run(long)
    worker.priority_jobs.join(PATIENCE_S)
    assert {worker.ledger.job(job.job_id).state for job in (long, *others)} == {JobState.DONE}
    names = Counter(made)
    assert set(names.values()) == {60}
    all_begun = max(made.index(name) for name in names)
    one_ended = min(60 * 3 - made[::-1].index(name) for name in names)
    in_turn = made[all_begun:one_ended]
    assert len(in_turn) > 90
    assert all(len(set(in_turn[at : at + 3])) == 3 for at in range(len(in_turn) - 2))


def test_without_a_waiter_a_priority_job_is_requeued(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.application.worker.scheduling.job_control.NO_WAITER_GRACE_S", 0.0)
    uninterrupted = worker.submit(OTHER)
    worker.run(uninterrupted)
    job = worker.submit(SHORT, has_waiter=True)
    worker.on_frame = lambda index: worker.answered(job) if index == 20 else None
    worker.priority_jobs.poll()
    worker.priority_jobs.join(PATIENCE_S)
    requeued = worker.ledger.job(job.job_id)
    assert (requeued.state, requeued.attempt) == (JobState.QUEUED, 2)
    assert requeued.reason == "Interrupted: the job has no waiter any more; it goes back to the queue"
    seen: list[int] = []
    worker.on_frame = seen.append
    assert worker.run(requeued).state is JobState.DONE
    assert seen[0] in (21, 22)
    assert worker.records(requeued) == worker.records(uninterrupted)


def test_priority_jobs_are_limited(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority_jobs_module, "MAX_PRIORITY_JOBS", 1)
    may_go_on = threading.Event()

    def on_frame(_: int) -> None:
        may_go_on.wait(PATIENCE_S)

    worker.on_frame = on_frame
    first = worker.submit(SHORT, has_waiter=True)
    worker.priority_jobs.poll()
    second = worker.submit(OTHER, has_waiter=True)
    assert worker.priority_jobs.poll() == 1
    was_full = worker.priority_jobs.is_full
    may_go_on.set()
    worker.priority_jobs.join(PATIENCE_S)
    assert worker.ledger.job(first.job_id).state is JobState.DONE
    worker.priority_jobs.poll()
    assert (was_full, worker.priority_jobs.is_full) == (True, False)
    worker.priority_jobs.join(PATIENCE_S)
    assert worker.ledger.job(second.job_id).state is JobState.DONE


def test_a_job_of_another_worker_is_not_started(worker: Worker) -> None:
    job = worker.submit(SHORT, has_waiter=True)
    stale = worker.ledger.pending_waits().jobs
    worker.ledger.start(job.job_id, 1, "propagate-2")
    assert worker.priority_jobs.poll() == 0
    worker.priority_jobs._start(stale[0])
    worker.priority_jobs.join(PATIENCE_S)
    assert worker.ledger.job(job.job_id).worker == "propagate-2"


def test_a_stopping_worker_requeues_its_priority_jobs(worker: Worker) -> None:
    stopping = threading.Event()
    worker.priority_jobs = PriorityJobs(worker.runner, stopping.is_set)
    worker.on_frame = lambda index: stopping.set() if index == 3 else None
    job = worker.submit(SHORT, has_waiter=True)
    worker.priority_jobs.poll()
    worker.priority_jobs.join(PATIENCE_S)
    assert worker.ledger.job(job.job_id).state is JobState.QUEUED


def test_jobs_without_a_waiter_are_not_started(worker: Worker) -> None:
    worker.submit(SHORT)
    assert worker.ledger.jobs(kind=JobKind.PROPAGATE)[0].state is JobState.QUEUED
    assert worker.priority_jobs.poll() == 0
