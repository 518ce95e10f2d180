"""A finished prediction is pushed to Label Studio once, also after an outage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.application.jobs.push_predictions import frame_uncertainties, task_score
from backend.application.jobs.retry import SETTINGS, note_change, retry_now
from backend.domain.errors import LabelStudioRefused, LabelStudioUnavailable, MaskletError, NotFound
from backend.domain.jobs import PushState
from backend.domain.retries import FailureKind
from backend.domain.tasks import TaskKey
from tests.fakes.key_value import MemoryKeyValueStore
from tests.unit.application.builders import TASK, USER_TASK, Parts, click_on

DAY_S = 24 * 3600


def sweep_for(parts: Parts, *, seconds: int) -> PushState | None:
    """Sweeps whenever a push is due; returns the state of the task's push afterwards."""
    end_s = parts.clock.now_s() + seconds
    while parts.clock.now_s() < end_s:
        parts.pusher.sweep()
        due = [failed.next_try_s for failed in parts.ledger.failed_tries() if not failed.is_given_up]
        soonest_s = min([*due, end_s])
        parts.clock.advance(max(min(soonest_s, end_s) - parts.clock.now_s(), 1.0))
    parts.pusher.sweep()
    push = parts.ledger.latest_push(TASK)
    return None if push is None else push.state


def finished() -> Parts:
    parts = Parts()
    parts.service.propagate_and_wait(USER_TASK, click_on(0), deadline_s=5)
    return parts


def test_a_finished_propagation_is_pushed_once() -> None:
    parts = finished()
    assert parts.pusher.sweep() == 1
    assert parts.pusher.sweep() == 0
    result, score = parts.sink.predictions[TASK, USER_TASK.model_version]
    assert result == [{"masks": 10, "config": "<View/>"}]
    assert 0.0 < score < 1.0
    push = parts.ledger.latest_push(TASK)
    assert push is not None
    assert (push.state, push.prediction_id, push.tries) == (PushState.PUSHED, 741, 1)


def test_an_outage_delays_the_push_and_loses_nothing() -> None:
    parts = finished()
    parts.sink.errors = [LabelStudioUnavailable("503")] * 3
    waited = 0
    while parts.pusher.sweep() == 0:
        parts.clock.advance(1)
        waited += 1
        assert waited < 100
    assert parts.sink.calls == 4
    assert waited == 2 + 4 + 8


def test_a_refusal_is_retried_for_a_day_then_given_up() -> None:
    parts = finished()
    parts.sink.errors = [LabelStudioRefused("task 41 is not in project 3")] * 1000
    state = sweep_for(parts, seconds=DAY_S - 3600)
    assert (state, parts.sink.calls < 200) == (PushState.PENDING, True)
    assert sweep_for(parts, seconds=2 * 3600) is PushState.REFUSED
    push = parts.ledger.latest_push(TASK)
    assert push is not None
    assert push.reason == "LabelStudioRefused: task 41 is not in project 3"
    (failed,) = parts.ledger.failed_tries(project_id=3)
    assert (failed.kind, failed.is_given_up) == (FailureKind.PUSH, True)
    calls = parts.sink.calls
    sweep_for(parts, seconds=DAY_S)
    assert parts.sink.calls == calls


@pytest.mark.parametrize("error", [LabelStudioUnavailable("503"), LabelStudioRefused("401"), NotFound("404")])
@pytest.mark.parametrize("outage_s", [5, 300, 1800])
def test_all_pushes_arrive_soon_after_an_outage(error: MaskletError, outage_s: int) -> None:
    parts = Parts()
    for number in range(8):
        user_task = replace(USER_TASK, task=TaskKey(3, number))
        parts.service.propagate_and_wait(user_task, click_on(0), deadline_s=5)
    parts.sink.errors = [error] * 10_000
    sweep_for(parts, seconds=outage_s)
    tries = parts.sink.calls
    parts.sink.errors = []
    sweep_for(parts, seconds=115)
    assert len(parts.sink.predictions) == 8
    assert tries <= 8 * 40
    assert parts.ledger.failed_tries() == ()


def test_a_push_that_always_fails_holds_up_no_other() -> None:
    parts = finished()
    parts.sink.refused_tasks = {TASK: LabelStudioUnavailable("500")}
    sweep_for(parts, seconds=600)
    other = replace(USER_TASK, task=TaskKey(3, 42))
    parts.service.propagate_and_wait(other, click_on(0), deadline_s=5)
    sweep_for(parts, seconds=3)
    assert list(parts.sink.predictions) == [(other.task, USER_TASK.model_version)]


def test_failures_are_counted_per_cause() -> None:
    parts = finished()
    parts.sink.errors = [LabelStudioUnavailable("503")] * 3 + [LabelStudioRefused("400")]
    sweep_for(parts, seconds=15)
    (failed,) = parts.ledger.failed_tries()
    assert (failed.failures.cause, failed.failures.tries) == ("LabelStudioRefused", 1)
    assert parts.ledger.failure_counts() == {(FailureKind.PUSH, "LabelStudioRefused", False): 1}


@pytest.mark.parametrize("is_given_up", [False, True])
def test_asking_again_pushes_at_once(is_given_up: bool) -> None:
    parts = finished()
    parts.sink.errors = [LabelStudioRefused("400")] * 1000
    sweep_for(parts, seconds=2 * DAY_S if is_given_up else 3600)
    parts.sink.errors = []
    parts.service.propagate_and_wait(USER_TASK, click_on(0), deadline_s=5)
    assert parts.pusher.sweep() == 1
    assert parts.ledger.failed_tries() == ()


@pytest.mark.parametrize("is_given_up", [False, True])
def test_a_request_to_retry_pushes_at_once(is_given_up: bool) -> None:
    parts = finished()
    parts.sink.errors = [LabelStudioRefused("400")] * 1000
    sweep_for(parts, seconds=2 * DAY_S if is_given_up else 3600)
    parts.sink.errors = []
    retry_now(parts.ledger, project_id=4)
    assert parts.pusher.sweep() == 0
    retry_now(parts.ledger, task=TASK)
    assert parts.pusher.sweep() == 1


def test_a_changed_setting_retries_what_was_refused() -> None:
    parts = finished()
    key_values = MemoryKeyValueStore()
    note_change(parts.ledger, key_values, SETTINGS, "old token", None)
    parts.sink.errors = [LabelStudioRefused("401")] * 1000
    sweep_for(parts, seconds=2 * DAY_S)
    parts.sink.errors = []
    note_change(parts.ledger, key_values, SETTINGS, "old token", None)
    assert parts.pusher.sweep() == 0
    note_change(parts.ledger, key_values, SETTINGS, "new token", None)
    assert parts.pusher.sweep() == 1
    assert b"token" not in b"".join(key_values.kept.values())


def test_a_newer_run_is_pushed_over_the_older() -> None:
    parts = finished()
    parts.pusher.sweep()
    parts.service.propagate_and_wait(USER_TASK, click_on(3, 0.1), deadline_s=5)
    assert parts.pusher.sweep() == 1
    assert list(parts.sink.predictions) == [(TASK, USER_TASK.model_version)]


def test_a_push_has_uncertainty_per_frame_and_a_task_score() -> None:
    parts = finished()
    run = parts.service.latest_run(TASK, USER_TASK.model_version)
    assert run is not None
    assert run.run is not None
    per_frame = frame_uncertainties(run.run)
    assert len(per_frame) == 10
    assert task_score(run.run) == pytest.approx(1 - sum(per_frame) / 10)
    assert 0 < task_score(run.run) < 1
