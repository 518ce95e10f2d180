"""A click is refused at once if its wait is hopeless."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.application.annotation.click_load import VALID_S, ClickLoad
from backend.domain.errors import Overloaded
from backend.domain.jobs import JobKind, JobState, PreviewRequest
from backend.domain.video import FrameIndex
from tests.unit.application.builders import TASK, USER_TASK, Parts, click_on


def loaded(parts: Parts, persons: int, *, click_s: float) -> ClickLoad:
    """A load with one done click of this duration, and as many persons with a queued click."""
    parts.clock.work = lambda: None
    for number in range(persons + 1):
        prompts = click_on(0, (number + 1) / 100)
        request = PreviewRequest(TASK, USER_TASK.media, prompts, FrameIndex(0), user=f"u{number}")
        job = parts.submitter.submit(request, wait_s=25.0)
        if number == persons:
            parts.ledger.finish(job.job_id, 1, JobState.DONE, timings_s={"wait": 99.0, "model": click_s})
    return ClickLoad(parts.ledger, parts.queue, parts.clock)


@pytest.mark.parametrize(
    ("persons", "click_s", "workers", "is_refused"),
    [(3, 6.0, 1, False), (4, 6.0, 1, True), (4, 6.0, 2, False), (40, 0.1, 1, False), (0, 90.0, 1, False)],
)
def test_the_wait_is_estimated_from_persons_and_durations(
    persons: int, click_s: float, workers: int, is_refused: bool
) -> None:
    parts = Parts()
    parts.queue.worker_counts[JobKind.INTERACTIVE] = workers
    load = loaded(parts, persons, click_s=click_s)
    if not is_refused:
        load.require_capacity(replace(USER_TASK, user="new"), deadline_s=25.0)
        return
    with pytest.raises(Overloaded, match="nothing was recorded, try again in 5 s") as caught:
        load.require_capacity(replace(USER_TASK, user="new"), deadline_s=25.0)
    assert caught.value.retry_after_s == 5


def test_own_clicks_are_not_counted_and_the_load_is_measured_again() -> None:
    parts = Parts()
    load = loaded(parts, 4, click_s=6.0)
    load.require_capacity(replace(USER_TASK, user="u0"), deadline_s=24.0)
    for click in parts.ledger.queued_clicks():
        parts.ledger.start(click.job_id, click.attempt, "worker-1")
    parts.clock.advance(VALID_S)
    load.require_capacity(replace(USER_TASK, user="new"), deadline_s=6.0)


def run_first_click(parts: Parts, seconds: float) -> None:
    """Starts the oldest click, which then runs for so long."""
    first = parts.ledger.queued_clicks()[0]
    parts.ledger.start(first.job_id, first.attempt, "worker-1")
    parts.clock.advance(seconds)


def test_a_click_that_runs_long_shows_a_slower_worker() -> None:
    parts = Parts()
    load = loaded(parts, 4, click_s=0.1)
    run_first_click(parts, 7.0)
    with pytest.raises(Overloaded, match="3 other people wait for their clicks"):
        load.require_capacity(replace(USER_TASK, user="new"), deadline_s=25.0)


def test_a_click_that_stalls_for_a_moment_refuses_nobody() -> None:
    parts = Parts()
    load = loaded(parts, 40, click_s=0.04)
    run_first_click(parts, 1.5)
    load.require_capacity(replace(USER_TASK, user="new"), deadline_s=25.0)
