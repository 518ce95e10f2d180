"""Clicks go first, frame by frame: on a real ledger, and with a clock that stands still unless somebody waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.adapters.store.ledger import open_ledger
from backend.application.ports import Ledger
from backend.application.requests import Job, JobKind, JobState, PreviewRequest, PropagationRequest
from backend.application.watch import INTERACTIVE_PATIENCE_S, JobWatch
from backend.domain.errors import Interrupted
from backend.domain.video import FrameIndex
from tests.unit.application.parts import CANVAS, TASK, WorkingClock, click_on


@pytest.fixture
def clock() -> WorkingClock:
    return WorkingClock()


@pytest.fixture
def ledger(tmp_path: Path, clock: WorkingClock) -> Iterator[Ledger]:
    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite", clock)) as opened:
        yield opened


@pytest.fixture
def watch(ledger: Ledger, clock: WorkingClock) -> JobWatch:
    request = PropagationRequest(TASK, CANVAS.media, click_on(0), model_version=CANVAS.model_version)
    job, _ = ledger.submit(JobKind.PROPAGATE, request)
    started = ledger.start(job.job_id, 1, "propagate-1")
    assert started is not None
    return JobWatch(ledger, clock, started, lambda: False, total=100)


def clicked(ledger: Ledger, frame: int = 3) -> Job:
    request = PreviewRequest(TASK, CANVAS.media, click_on(frame), FrameIndex(frame), CANVAS.model_version)
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


def test_it_steps_aside_at_the_very_next_frame_and_goes_on_when_the_click_is_answered(
    ledger: Ledger, clock: WorkingClock, watch: JobWatch
) -> None:
    for _ in range(3):
        watch.raise_if_cancelled()  # the clock stands still: no heartbeat is due that could hide a look
    assert clock.slept == []
    click = clicked(ledger)
    clock.work = answering(ledger, click, looks=5)
    watch.raise_if_cancelled()
    assert len(clock.slept) == 5
    assert ledger.job(click.job_id).state is JobState.DONE
    watch.raise_if_cancelled()
    assert len(clock.slept) == 5


def test_each_of_several_clicks_goes_first(ledger: Ledger, clock: WorkingClock, watch: JobWatch) -> None:
    for frame in (1, 2, 3):
        click = clicked(ledger, frame)
        clock.work = answering(ledger, click, looks=2)
        watch.raise_if_cancelled()
        assert ledger.job(click.job_id).state is JobState.DONE
    assert len(clock.slept) == 6


def test_a_click_that_nobody_answers_gets_half_the_time(ledger: Ledger, clock: WorkingClock, watch: JobWatch) -> None:
    clicked(ledger)
    started_s = clock.monotonic_s()
    watch.raise_if_cancelled()
    assert clock.monotonic_s() - started_s == pytest.approx(INTERACTIVE_PATIENCE_S, abs=0.05)
    waits = len(clock.slept)
    watch.raise_if_cancelled()
    clock.advance(INTERACTIVE_PATIENCE_S - 0.1)
    watch.raise_if_cancelled()
    assert len(clock.slept) == waits
    clock.advance(0.2)
    watch.raise_if_cancelled()
    assert len(clock.slept) == pytest.approx(2 * waits, abs=2)


def test_a_stopping_worker_does_not_wait_for_clicks(ledger: Ledger, clock: WorkingClock, watch: JobWatch) -> None:
    clicked(ledger)

    def stop() -> None:
        watch.is_stopping = lambda: True

    clock.work = stop
    with pytest.raises(Interrupted):
        watch.raise_if_cancelled()
    assert len(clock.slept) == 1


def test_clicks_do_not_wait_for_each_other(ledger: Ledger, clock: WorkingClock) -> None:
    first, _ = clicked(ledger, 1), clicked(ledger, 2)
    started = ledger.start(first.job_id, 1, "interactive-1")
    assert started is not None
    JobWatch(ledger, clock, started, lambda: False, total=1).raise_if_cancelled()
    assert clock.slept == []


def test_the_ledger_is_told_now_and_then_only(ledger: Ledger, clock: WorkingClock, watch: JobWatch) -> None:
    for done in range(5):
        watch.done = done
        watch.raise_if_cancelled()
    assert ledger.job(watch.job.job_id).done == 0
    clock.advance(0.2)
    watch.raise_if_cancelled()
    assert ledger.job(watch.job.job_id).done == 4
