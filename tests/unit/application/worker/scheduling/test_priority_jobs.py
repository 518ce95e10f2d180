"""Who is waited for comes in beside the job at work: real threads, on a real ledger and mask store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.application.jobs.submit import Submitter
from backend.application.worker.job_runner import JobRunner
from backend.application.worker.scheduling import priority_jobs as guests_module
from backend.application.worker.scheduling.priority_jobs import PriorityJobs
from backend.bootstrap.container import SystemClock
from backend.domain.jobs import Job, JobKind, JobState, PropagationRequest
from backend.domain.tasks import TaskKey
from tests.fakes.engine import FakeCodec, FakeMedia, FakeSegmenter, FakeVideo
from tests.fakes.queue import FakeQueue
from tests.unit.application.builders import CANVAS, click_on

LONG, SHORT, OTHER = TaskKey(3, 41), TaskKey(3, 42), TaskKey(3, 43)
PATIENCE_S = 60.0


@dataclass
class Bench:
    """A worker at work: on_frame runs before each frame that anybody makes."""

    ledger: SqlLedger
    masks: FileMaskStore
    on_frame: Callable[[int], None] = lambda _: None
    queue: FakeQueue = field(default_factory=FakeQueue)

    def __post_init__(self) -> None:
        self.submitter = Submitter(self.ledger, self.queue)
        self.bench = JobRunner(
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
        )
        self.guests = PriorityJobs(self.bench, lambda: False)

    def submit(self, task: TaskKey, *, is_awaited: bool = False) -> Job:
        job = self.submitter.submit(PropagationRequest(task, CANVAS.media, click_on(0), model_version="v"))
        if is_awaited:
            self.ledger.add_waiter(job.job_id, until_s=SystemClock().now_s() + PATIENCE_S)
        return job

    def answered(self, job: Job) -> None:
        self.ledger.remove_waiter(job.job_id, until_s=SystemClock().now_s() + 2 * PATIENCE_S)

    def run(self, job: Job) -> Job:
        return self.bench.run(job.job_id, job.attempt, lambda: False)

    def records(self, job: Job) -> list[object]:
        return list(self.masks.records(self.ledger.job(job.job_id).masks_run))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    # however slow the machine is today
    monkeypatch.setattr("backend.application.worker.scheduling.job_control.WAITER_YIELD_S", 600.0)
    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite", SystemClock())) as ledger:
        yield Bench(ledger, FileMaskStore(tmp_path / "masks"))


def test_it_is_done_before_the_job_at_work_which_loses_nothing(bench: Bench) -> None:
    undisturbed = bench.submit(OTHER)
    bench.run(undisturbed)
    long, short, ended = bench.submit(LONG), list[Job](), list[tuple[JobState, int]]()
    bench.guests.ended = lambda job_id: ended.append((bench.ledger.job(long.job_id).state, len(made)))
    made: list[int] = []

    def on_frame(index: int) -> None:
        made.append(index)
        if len(made) == 5:
            short.append(bench.submit(SHORT, is_awaited=True))
            bench.guests.poll()

    bench.on_frame = on_frame
    assert bench.run(long).state is JobState.DONE
    bench.guests.join(PATIENCE_S)
    assert bench.ledger.job(short[0].job_id).state is JobState.DONE
    assert ended[0][0] is JobState.RUNNING
    assert made == [*range(5), *range(60), *range(5, 60)]
    assert bench.records(long) == bench.records(short[0]) == bench.records(undisturbed)


def test_two_persons_go_on_in_turns(bench: Bench) -> None:
    long = bench.submit(LONG)
    made: list[tuple[str, int]] = []
    first, second = [bench.submit(task, is_awaited=True) for task in (SHORT, OTHER)]

    def on_frame(index: int) -> None:
        made.append((threading.current_thread().name, index))
        if len(made) == 1:
            assert bench.guests.poll() == 2

    bench.on_frame = on_frame
    bench.ledger.add_waiter(long.job_id, until_s=SystemClock().now_s() + PATIENCE_S)
    bench.run(long)
    bench.guests.join(PATIENCE_S)
    assert {bench.ledger.job(job.job_id).state for job in (long, first, second)} == {JobState.DONE}
    both = {f"priority-{job.job_id[:10]}" for job in (first, second)}
    order = [name for name, _ in made if name in both]
    assert len(order) == 120
    # From the first frame that both are there they go by turns: nobody has two more than the other between.
    begin = max(order.index(name) for name in both)
    ahead = 0
    for name in order[begin : begin + 100]:
        ahead += 1 if name == order[begin] else -1
        assert -1 <= ahead <= 2


def test_what_nobody_waits_for_any_more_goes_back_and_is_the_same_in_the_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.application.worker.scheduling.job_control.NO_WAITER_GRACE_S", 0.0)
    undisturbed = bench.submit(OTHER)
    bench.run(undisturbed)
    job = bench.submit(SHORT, is_awaited=True)
    bench.on_frame = lambda index: bench.answered(job) if index == 20 else None
    bench.guests.poll()
    bench.guests.join(PATIENCE_S)
    back = bench.ledger.job(job.job_id)
    assert (back.state, back.attempt) == (JobState.QUEUED, 2)
    assert back.reason == "Interrupted: the job has no waiter any more; it goes back to the queue"
    seen: list[int] = []
    bench.on_frame = seen.append
    assert bench.run(back).state is JobState.DONE
    assert seen[0] in (21, 22)
    assert bench.records(back) == bench.records(undisturbed)


def test_there_is_room_for_so_many_and_the_next_is_let_in_when_one_has_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guests_module, "MAX_PRIORITY_JOBS", 1)
    gate = threading.Event()

    def on_frame(_: int) -> None:
        gate.wait(PATIENCE_S)

    bench.on_frame = on_frame
    first = bench.submit(SHORT, is_awaited=True)
    bench.guests.poll()
    second = bench.submit(OTHER, is_awaited=True)
    assert bench.guests.poll() == 1
    was_crowded = bench.guests.is_full
    gate.set()
    bench.guests.join(PATIENCE_S)
    assert bench.ledger.job(first.job_id).state is JobState.DONE
    bench.guests.poll()
    assert (was_crowded, bench.guests.is_full) == (True, False)
    bench.guests.join(PATIENCE_S)
    assert bench.ledger.job(second.job_id).state is JobState.DONE


def test_what_another_worker_has_begun_is_left_to_it(bench: Bench) -> None:
    job = bench.submit(SHORT, is_awaited=True)
    stale = bench.ledger.pending_waits().jobs
    bench.ledger.start(job.job_id, 1, "propagate-2")
    assert bench.guests.poll() == 0
    bench.guests._start(stale[0])
    bench.guests.join(PATIENCE_S)
    assert bench.ledger.job(job.job_id).worker == "propagate-2"


def test_a_stopping_worker_s_guests_go_back_to_the_queue(bench: Bench) -> None:
    stopping = threading.Event()
    bench.guests = PriorityJobs(bench.bench, stopping.is_set)
    bench.on_frame = lambda index: stopping.set() if index == 3 else None
    job = bench.submit(SHORT, is_awaited=True)
    bench.guests.poll()
    bench.guests.join(PATIENCE_S)
    assert bench.ledger.job(job.job_id).state is JobState.QUEUED


def test_only_those_that_are_waited_for_come_in(bench: Bench) -> None:
    bench.submit(SHORT)
    assert bench.ledger.jobs(kind=JobKind.PROPAGATE)[0].state is JobState.QUEUED
    assert bench.guests.poll() == 0
