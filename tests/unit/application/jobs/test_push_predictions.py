"""A finished prediction is pushed to Label Studio once, also after an outage."""

from __future__ import annotations

from backend.application.jobs.push_predictions import frame_uncertainties, run_uncertainty
from backend.domain.errors import LabelStudioRefused, LabelStudioUnavailable
from backend.domain.jobs import PushState
from tests.unit.application.builders import TASK, USER_TASK, Parts, click_on


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


def test_a_refusal_is_kept_with_its_reason_and_not_repeated() -> None:
    parts = finished()
    parts.sink.errors = [LabelStudioRefused("task 41 is not in project 3")]
    parts.pusher.sweep()
    parts.clock.advance(1000)
    parts.pusher.sweep()
    push = parts.ledger.latest_push(TASK)
    assert push is not None
    assert (push.state, parts.sink.calls) == (PushState.REFUSED, 1)
    assert push.reason == "LabelStudioRefused: task 41 is not in project 3"


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
    assert run_uncertainty(run.run) == max(per_frame) > 0
