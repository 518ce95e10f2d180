"""Jobs yield to clicks and waiters between frames, on a real ledger; the clock advances only in waits."""

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
from backend.domain.jobs import Job, JobKind, JobState, PendingWaits, PreviewRequest, PropagationRequest
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


def submit_click(ledger: Ledger, frame: int = 3) -> Job:
    request = PreviewRequest(TASK, USER_TASK.media, click_on(frame), FrameIndex(frame), USER_TASK.model_version)
    return ledger.submit(JobKind.INTERACTIVE, request)[0]


def answer_after(ledger: Ledger, job: Job, *, polls: int) -> Callable[[], None]:
    """An interactive worker: it starts the click at the second poll and ends it after `polls` polls."""
    poll_count = 0

    def poll() -> None:
        nonlocal poll_count
        poll_count += 1
        if poll_count == 2:
            ledger.start(job.job_id, 1, "interactive-1")
        if poll_count == polls:
            ledger.finish(job.job_id, 1, JobState.DONE)

    return poll


def test_a_propagation_yields_to_a_click_at_the_next_frame(
    ledger: Ledger, clock: WorkingClock, control: JobControl
) -> None:
    for _ in range(3):
        control.raise_if_cancelled()  # no heartbeat is due that could hide a poll
    assert clock.slept == []
    click = submit_click(ledger)
    clock.work = answer_after(ledger, click, polls=5)
    control.raise_if_cancelled()
    assert len(clock.slept) == 5
    assert ledger.job(click.job_id).state is JobState.DONE
    control.raise_if_cancelled()
    assert len(clock.slept) == 5


def test_a_propagation_yields_to_each_click(ledger: Ledger, clock: WorkingClock, control: JobControl) -> None:
    for frame in (1, 2, 3):
        click = submit_click(ledger, frame)
        clock.work = answer_after(ledger, click, polls=2)
        control.raise_if_cancelled()
        assert ledger.job(click.job_id).state is JobState.DONE
    assert len(clock.slept) == 6


def test_an_unanswered_click_gets_half_the_time(ledger: Ledger, clock: WorkingClock, control: JobControl) -> None:
    submit_click(ledger)
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
    submit_click(ledger)

    def stop() -> None:
        control.is_stopping = lambda: True

    clock.work = stop
    with pytest.raises(Interrupted):
        control.raise_if_cancelled()
    assert len(clock.slept) == 1


def test_clicks_do_not_wait_for_each_other(ledger: Ledger, clock: WorkingClock) -> None:
    first, _ = submit_click(ledger, 1), submit_click(ledger, 2)
    started = ledger.start(first.job_id, 1, "interactive-1")
    assert started is not None
    JobControl(ledger, clock, started, lambda: False, total=1).raise_if_cancelled()
    assert clock.slept == []


def submit_with_waiter(ledger: Ledger, clock: WorkingClock, task: int = 42, *, for_s: float = 25.0) -> Job:
    """A propagation of another task with a waiter."""
    request = PropagationRequest(TaskKey(3, task), USER_TASK.media, click_on(0), model_version=USER_TASK.model_version)
    job, _ = ledger.submit(JobKind.PROPAGATE, request)
    ledger.add_waiter(job.job_id, until_s=clock.now_s() + for_s)
    return job


def test_a_job_without_a_waiter_pauses_for_one_with_a_waiter(
    ledger: Ledger, clock: WorkingClock, control: JobControl
) -> None:
    waited_job = submit_with_waiter(ledger, clock)
    polls = 0

    def answer() -> None:
        nonlocal polls
        polls += 1
        if polls == 7:
            ledger.remove_waiter(waited_job.job_id, until_s=clock.now_s() + 25)

    clock.work = answer
    control.raise_if_cancelled()
    assert (polls, ledger.job(waited_job.job_id).state) == (7, JobState.QUEUED)
    control.raise_if_cancelled()
    assert polls == 7


def test_a_pause_ends_at_the_waiter_s_deadline(ledger: Ledger, clock: WorkingClock, control: JobControl) -> None:
    submit_with_waiter(ledger, clock, for_s=2.0)
    started_s = clock.monotonic_s()
    control.raise_if_cancelled()
    assert clock.monotonic_s() - started_s == pytest.approx(2.0, abs=0.05)


def test_a_job_with_a_waiter_does_not_pause_for_another(
    ledger: Ledger, clock: WorkingClock, control: JobControl
) -> None:
    submit_with_waiter(ledger, clock)
    ledger.add_waiter(control.job.job_id, until_s=clock.now_s() + 25)
    control.raise_if_cancelled()
    assert clock.slept == []


def test_a_job_with_a_waiter_yields_to_a_click(ledger: Ledger, clock: WorkingClock, control: JobControl) -> None:
    ledger.add_waiter(control.job.job_id, until_s=clock.now_s() + 25)
    clock.work = answer_after(ledger, submit_click(ledger), polls=4)
    control.raise_if_cancelled()
    assert len(clock.slept) == 4


def test_a_paused_job_gets_a_fifth_of_the_time(ledger: Ledger, clock: WorkingClock, control: JobControl) -> None:
    submit_with_waiter(ledger, clock, for_s=600.0)
    started_s = clock.monotonic_s()
    control.raise_if_cancelled()
    assert clock.monotonic_s() - started_s == pytest.approx(WAITER_YIELD_S, abs=0.05)
    for _ in range(10):
        clock.advance(0.2)  # a frame
        stopped_s = clock.monotonic_s()
        control.raise_if_cancelled()  # the attempt's poll after the frame
        control.raise_if_cancelled()  # the engine's poll before the next frame
        assert clock.monotonic_s() - stopped_s == pytest.approx(0.8, abs=0.05)


def test_a_pause_without_waiters_restarts_the_yield_time(
    ledger: Ledger, clock: WorkingClock, control: JobControl
) -> None:
    first = submit_with_waiter(ledger, clock, for_s=600.0)
    control.raise_if_cancelled()
    ledger.cancel(first.job_id)
    control.raise_if_cancelled()
    submit_with_waiter(ledger, clock, 43, for_s=600.0)
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


def test_progress_is_written_at_intervals(ledger: Ledger, clock: WorkingClock, control: JobControl) -> None:
    for done in range(5):
        control.done = done
        control.raise_if_cancelled()
    assert ledger.job(control.job.job_id).done == 0
    clock.advance(0.2)
    control.raise_if_cancelled()
    assert ledger.job(control.job.job_id).done == 4


def test_the_waiters_are_read_once_between_two_frames(
    ledger: Ledger, clock: WorkingClock, control: JobControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = list[int]()
    read = ledger.pending_waits

    def noted() -> PendingWaits:
        reads.append(control.done)
        return read()

    monkeypatch.setattr(ledger, "pending_waits", noted)
    control.raise_if_cancelled()
    for control.done in (1, 2):
        control.raise_after_frame()
        control.raise_if_cancelled()  # the engine's own, before the next frame
        clock.advance(0.2)
    assert reads == [0, 1, 2]
    control.raise_if_cancelled()
    assert reads == [0, 1, 2, 2], "after a while they are read again"
