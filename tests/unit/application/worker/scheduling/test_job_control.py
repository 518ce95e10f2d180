"""Clicks go first, frame by frame: on a real ledger, and with a clock that stands still unless somebody waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.application.ports.ledger import Ledger
from backend.application.worker.scheduling.job_control import (
    CLICK_YIELD_S,
    NO_WAITER_GRACE_S,
    WAITER_YIELD_S,
    JobControl,
)
from backend.domain.errors import Interrupted
from backend.domain.jobs import Job, JobKind, JobState, PreviewRequest, PropagationRequest
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.clock import WorkingClock
from tests.unit.application.builders import TASK, USER_TASK, click_on


@pytest.fixture
def clock() -> WorkingClock:
    return WorkingClock()


@pytest.fixture
def ledger(tmp_path: Path, clock: WorkingClock) -> Iterator[Ledger]:
    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite", clock)) as opened:
        yield opened


@pytest.fixture
def control(ledger: Ledger, clock: WorkingClock) -> JobControl:
    request = PropagationRequest(TASK, USER_TASK.media, click_on(0), model_version=USER_TASK.model_version)
    job, _ = ledger.submit(JobKind.PROPAGATE, request)
    started = ledger.start(job.job_id, 1, "propagate-1")
    assert started is not None
    return JobControl(ledger, clock, started, lambda: False, total=100)


def clicked(ledger: Ledger, frame: int = 3) -> Job:
    request = PreviewRequest(TASK, USER_TASK.media, click_on(frame), FrameIndex(frame), USER_TASK.model_version)
    return ledger.submit(JobKind.INTERACTIVE, request)[0]


def answering(ledger: Ledger, job: Job, *, looks: int) -> Callable[[], None]:
    """What the interactive worker does meanwhile: it takes the click at the second look and ends it at that many."""
    seen = 0

    def look() -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            ledger.start(job.job_id, 1, "interactive-1")
        if seen == looks:
            ledger.finish(job.job_id, 1, JobState.DONE)

    return look


def test_a_propagation_yields_to_a_click_at_the_next_frame(
    ledger: Ledger, clock: WorkingClock, control: JobControl
) -> None:
    for _ in range(3):
        control.raise_if_cancelled()  # the clock stands still: no heartbeat is due that could hide a look
    assert clock.slept == []
    click = clicked(ledger)
    clock.work = answering(ledger, click, looks=5)
    control.raise_if_cancelled()
    assert len(clock.slept) == 5
    assert ledger.job(click.job_id).state is JobState.DONE
    control.raise_if_cancelled()
    assert len(clock.slept) == 5


def test_each_of_several_clicks_goes_first(ledger: Ledger, clock: WorkingClock, control: JobControl) -> None:
    for frame in (1, 2, 3):
        click = clicked(ledger, frame)
        clock.work = answering(ledger, click, looks=2)
        control.raise_if_cancelled()
        assert ledger.job(click.job_id).state is JobState.DONE
    assert len(clock.slept) == 6


def test_an_unanswered_click_gets_half_the_time(ledger: Ledger, clock: WorkingClock, control: JobControl) -> None:
    clicked(ledger)
    started_s = clock.monotonic_s()
    control.raise_if_cancelled()
    assert clock.monotonic_s() - started_s == pytest.approx(CLICK_YIELD_S, abs=0.05)
    waits = len(clock.slept)
    control.raise_if_cancelled()
    clock.advance(CLICK_YIELD_S - 0.1)
    control.raise_if_cancelled()
    assert len(clock.slept) == waits
    clock.advance(0.2)
    control.raise_if_cancelled()
    assert len(clock.slept) == pytest.approx(2 * waits, abs=2)


def test_a_stopping_worker_does_not_wait_for_clicks(ledger: Ledger, clock: WorkingClock, control: JobControl) -> None:
    clicked(ledger)

    def stop() -> None:
        control.is_stopping = lambda: True

    clock.work = stop
    with pytest.raises(Interrupted):
        control.raise_if_cancelled()
    assert len(clock.slept) == 1


def test_clicks_do_not_wait_for_each_other(ledger: Ledger, clock: WorkingClock) -> None:
    first, _ = clicked(ledger, 1), clicked(ledger, 2)
    started = ledger.start(first.job_id, 1, "interactive-1")
    assert started is not None
    JobControl(ledger, clock, started, lambda: False, total=1).raise_if_cancelled()
    assert clock.slept == []


def action(ledger: Ledger, clock: WorkingClock, task: int = 42, *, for_s: float = 25.0) -> Job:
    """A person on another task carries on and waits."""
    request = PropagationRequest(TaskKey(3, task), USER_TASK.media, click_on(0), model_version=USER_TASK.model_version)
    job, _ = ledger.submit(JobKind.PROPAGATE, request)
    ledger.add_waiter(job.job_id, until_s=clock.now_s() + for_s)
    return job


def test_a_job_without_a_waiter_pauses_for_one_with_a_waiter(
    ledger: Ledger, clock: WorkingClock, control: JobControl
) -> None:
    awaited = action(ledger, clock)
    looks = 0

    def answer() -> None:
        nonlocal looks
        looks += 1
        if looks == 7:
            ledger.remove_waiter(awaited.job_id, until_s=clock.now_s() + 25)

    clock.work = answer
    control.raise_if_cancelled()
    assert (looks, ledger.job(awaited.job_id).state) == (7, JobState.QUEUED)
    control.raise_if_cancelled()
    assert looks == 7


def test_after_the_deadline_a_person_s_action_is_like_any_other(
    ledger: Ledger, clock: WorkingClock, control: JobControl
) -> None:
    action(ledger, clock, for_s=2.0)
    started_s = clock.monotonic_s()
    control.raise_if_cancelled()
    assert clock.monotonic_s() - started_s == pytest.approx(2.0, abs=0.05)


def test_persons_do_not_stand_still_for_each_other(ledger: Ledger, clock: WorkingClock, control: JobControl) -> None:
    action(ledger, clock)
    ledger.add_waiter(control.job.job_id, until_s=clock.now_s() + 25)
    control.raise_if_cancelled()
    assert clock.slept == []


def test_a_person_s_click_goes_before_a_person_s_action(
    ledger: Ledger, clock: WorkingClock, control: JobControl
) -> None:
    ledger.add_waiter(control.job.job_id, until_s=clock.now_s() + 25)
    clock.work = answering(ledger, clicked(ledger), looks=4)
    control.raise_if_cancelled()
    assert len(clock.slept) == 4


def test_a_paused_job_gets_a_fifth_of_the_time(ledger: Ledger, clock: WorkingClock, control: JobControl) -> None:
    action(ledger, clock, for_s=600.0)
    started_s = clock.monotonic_s()
    control.raise_if_cancelled()
    assert clock.monotonic_s() - started_s == pytest.approx(WAITER_YIELD_S, abs=0.05)
    for _ in range(10):
        clock.advance(0.2)  # a frame
        stopped_s = clock.monotonic_s()
        control.raise_if_cancelled()  # the attempt's own look after it
        control.raise_if_cancelled()  # and the engine's before the next
        assert clock.monotonic_s() - stopped_s == pytest.approx(0.8, abs=0.05)


def test_a_pause_without_waiters_restarts_the_yield_time(
    ledger: Ledger, clock: WorkingClock, control: JobControl
) -> None:
    first = action(ledger, clock, for_s=600.0)
    control.raise_if_cancelled()
    ledger.cancel(first.job_id)
    control.raise_if_cancelled()
    action(ledger, clock, 43, for_s=600.0)
    started_s = clock.monotonic_s()
    control.raise_if_cancelled()
    assert clock.monotonic_s() - started_s == pytest.approx(WAITER_YIELD_S, abs=0.05)


def test_a_priority_job_runs_on_for_the_grace_time(ledger: Ledger, clock: WorkingClock, control: JobControl) -> None:
    control.is_priority = True
    until_s = clock.now_s() + 25
    ledger.add_waiter(control.job.job_id, until_s=until_s)
    clock.advance(NO_WAITER_GRACE_S + 1)
    control.raise_if_cancelled()
    control.raise_if_no_waiter()
    ledger.remove_waiter(control.job.job_id, until_s=until_s)
    clock.advance(NO_WAITER_GRACE_S - 0.1)
    control.raise_if_cancelled()
    control.raise_if_no_waiter()
    clock.advance(0.2)
    with pytest.raises(Interrupted, match="back to the queue"):
        control.raise_if_no_waiter()


def test_a_priority_job_ends_at_once_if_places_are_full(
    ledger: Ledger, clock: WorkingClock, control: JobControl
) -> None:
    control.is_priority, control.is_full = True, lambda: True
    ledger.add_waiter(control.job.job_id, until_s=clock.now_s() + 25)
    control.raise_if_cancelled()
    control.raise_if_no_waiter()
    clock.advance(26)
    control.raise_if_cancelled()
    with pytest.raises(Interrupted):
        control.raise_if_no_waiter()


def test_the_ledger_is_told_now_and_then_only(ledger: Ledger, clock: WorkingClock, control: JobControl) -> None:
    for done in range(5):
        control.done = done
        control.raise_if_cancelled()
    assert ledger.job(control.job.job_id).done == 0
    clock.advance(0.2)
    control.raise_if_cancelled()
    assert ledger.job(control.job.job_id).done == 4
