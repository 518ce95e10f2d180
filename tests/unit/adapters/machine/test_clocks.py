"""The machine's clock is set by an hour, and nothing that is compared moves with it."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from backend.adapters.machine.clocks import SystemClock, WallClock, boot_name
from backend.application.annotation.annotation_service import AnnotationService
from backend.application.jobs.push_predictions import Pusher
from backend.application.jobs.reconcile import Reconciler
from backend.application.jobs.submit import Submitter
from backend.application.ports.notifier import NoNotifier
from backend.bootstrap.container import Container
from backend.bootstrap.web import open_media_service
from backend.domain.errors import LabelStudioUnavailable
from backend.domain.jobs import Job, JobKind, JobState, PropagationRequest
from backend.settings import Settings
from tests.fakes.engine import FakeMedia
from tests.fakes.queue import FakeQueue
from tests.fakes.sink import FakeSink, count_regions
from tests.unit.application.builders import TASK, USER_TASK, click_on

HOUR_S = 3600.0
TTL_S = 60.0


class Machine:
    """The clocks of a machine under a test's hand: `pass_time` moves both, `set_clock` the wall clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall_s, self.up_s = 1_800_000_000.0, 500.0
        monkeypatch.setattr(time, "time", lambda: self.wall_s)
        monkeypatch.setattr(time, "monotonic", lambda: self.up_s)

    def pass_time(self, seconds: float) -> None:
        self.wall_s += seconds
        self.up_s += seconds

    def set_clock(self, seconds: float) -> None:
        self.wall_s += seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def process(folder: Path) -> Container:
    """A process of Masklet that starts now."""
    container = Container(Settings(data_dir=folder))
    assert container.ledger is not None
    return container


def propagation() -> PropagationRequest:
    return PropagationRequest(TASK, USER_TASK.media, click_on(0), model_version=USER_TASK.model_version)


def started(container: Container) -> Job:
    job, _ = container.ledger.submit(JobKind.PROPAGATE, propagation())
    assert container.ledger.start(job.job_id, job.attempt, "worker-1") is not None
    return job


def reconciler(container: Container) -> Reconciler:
    queue = FakeQueue()
    submitter = Submitter(container.ledger, queue)
    return Reconciler(container.ledger, queue, submitter, container.clock, None, heartbeat_ttl_s=TTL_S, max_attempts=3)


both_ways = pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])


def test_the_clock_of_a_process_does_not_jump(machine: Machine) -> None:
    clock, wall = SystemClock(), WallClock()
    before_s = clock.now_s()
    machine.set_clock(-HOUR_S)
    machine.pass_time(5)
    assert clock.now_s() == before_s + 5
    assert wall.now_s() == before_s + 5 - HOUR_S


@pytest.mark.skipif(not boot_name(), reason="this system does not name its boots")
@both_ways
def test_processes_from_before_and_after_agree(machine: Machine, tmp_path: Path, jump_s: float) -> None:
    before = process(tmp_path)
    machine.set_clock(jump_s)
    after = process(tmp_path)
    with closing(before.ledger), closing(after.ledger):
        assert after.clock.now_s() == pytest.approx(before.clock.now_s(), abs=1e-5)


@both_ways
def test_a_working_worker_is_not_taken_for_dead(machine: Machine, tmp_path: Path, jump_s: float) -> None:
    web = process(tmp_path)
    worker = web
    with closing(web.ledger):
        for round_ in range(20):
            if round_ == 5:
                machine.set_clock(jump_s)
                worker = process(tmp_path)  # starts with the clock as it is now
                job = started(worker)
            elif round_ > 5:
                worker.ledger.progress(job.job_id, job.attempt, round_, 20)
                assert worker.ledger.job(job.job_id).attempt == 1
            reconciler(web).sweep()
            machine.pass_time(TTL_S / 3)
        worker.ledger.close()


@both_ways
def test_a_dead_worker_is_found_in_its_time(machine: Machine, tmp_path: Path, jump_s: float) -> None:
    web = process(tmp_path)
    with closing(web.ledger):
        job = started(web)
        machine.set_clock(jump_s)
        machine.pass_time(TTL_S - 1)
        reconciler(web).sweep()
        assert web.ledger.job(job.job_id).attempt == 1
        machine.pass_time(2)
        reconciler(process(tmp_path)).sweep()
        assert (web.ledger.job(job.job_id).attempt, web.ledger.job(job.job_id).state) == (2, JobState.QUEUED)


@both_ways
def test_a_push_is_tried_again_in_its_time(machine: Machine, tmp_path: Path, jump_s: float) -> None:
    web = process(tmp_path)
    sink = FakeSink(errors=[LabelStudioUnavailable("503")])
    with closing(web.ledger):
        job = started(web)
        with web.masks.writer("run", video=FakeMedia().video.info, labels={}) as writer:
            writer.commit()
        web.ledger.finish(job.job_id, 1, JobState.DONE, masks_run="run", push=True)
        pusher = Pusher(web.ledger, web.masks, sink, count_regions, web.clock, random=lambda: 0.0)
        pusher.sweep()
        machine.set_clock(jump_s)
        assert pusher.sweep() == 0
        machine.pass_time(2.1)
        assert replace(pusher, clock=process(tmp_path).clock).sweep() == 1


@both_ways
def test_a_waiter_waits_for_its_time(machine: Machine, tmp_path: Path, jump_s: float) -> None:
    web = process(tmp_path)
    with closing(web.ledger):
        job = started(web)
        service = AnnotationService(
            web.ledger, web.masks, Submitter(web.ledger, FakeQueue()), web.clock, NoNotifier(), lambda _: None
        )
        service.add_waiter(job, for_s=25)
        machine.set_clock(jump_s)
        worker = process(tmp_path)
        machine.pass_time(24)
        assert [waited.job_id for waited in worker.ledger.pending_waits().jobs] == [job.job_id]
        machine.pass_time(2)
        assert worker.ledger.pending_waits().jobs == ()
        worker.ledger.close()


def test_signed_addresses_end_by_the_date(machine: Machine, tmp_path: Path) -> None:
    container = process(tmp_path)
    service = open_media_service(container)
    machine.set_clock(HOUR_S)
    assert service.clock.now_s() == time.time()
    service.close()
    container.ledger.close()
