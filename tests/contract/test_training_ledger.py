"""Trainings in the ledger, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.ports.training.ledger import AttemptState
from backend.codecs.training_json import result_document
from backend.domain.errors import InvalidInput, NotFound
from backend.domain.training import TrainedPart, TrainingProgress
from backend.domain.training.rows import LeftOutVideo, TrainingRequest, TrainingState, UsedLabels, UsedVideo
from tests.fakes.clock import FakeClock
from tests.fakes.trainings import ID, OTHER_ID, result

REQUEST = TrainingRequest(7, "base_plus", 15.0, TrainedPart.MEMORY, activates=True, user="lead@example.org")
HALF = TrainingProgress("step 10 of 20", 0.5, {"loss": 0.25})


def test_a_project_has_one_open_training(ledger: SqlLedger) -> None:
    with ThreadPoolExecutor(4) as pool:
        ids = [f"t-{number:040x}" for number in range(4)]
        answers = list(pool.map(lambda each: ledger.open_training(each, REQUEST), ids))
    assert sorted(is_new for _, is_new in answers) == [False, False, False, True]
    (first,) = {training.training_id for training, _ in answers}
    _, is_new = ledger.open_training(OTHER_ID, TrainingRequest(8))
    assert is_new, "another project"
    ledger.cancel_training(first)
    again, is_new = ledger.open_training(ID, REQUEST)
    assert is_new
    assert (again.request, again.state, again.attempt, again.name) == (REQUEST, TrainingState.QUEUED, 1, "p7-3f9a1c")
    assert [each.training_id for each in ledger.trainings()] == [ID, OTHER_ID, first]
    assert [each.training_id for each in ledger.trainings(project_id=7, is_open=True)] == [ID]


def test_a_training_is_taken_followed_and_ended(ledger: SqlLedger, clock: FakeClock) -> None:
    ledger.open_training(ID, REQUEST)
    assert ledger.begin_training(ID, 2, "w") is None, "another attempt"
    taken = ledger.begin_training(ID, 1, "w")
    assert taken is not None
    assert (taken.state, taken.worker) == (TrainingState.RUNNING, "w")
    assert ledger.begin_training(ID, 1, "w") is None
    labels = UsedLabels(
        (UsedVideo(41, "cat.mp4", 3, 2, ("a@example.org",), ("b@example.org",)),), (LeftOutVideo(42, "dog", "Gone."),)
    )
    ledger.describe_training(ID, 1, base="tiny", labels=labels)
    clock.advance(5.0)
    assert ledger.record_training_heartbeat(ID, 1, HALF) is AttemptState.CURRENT
    assert ledger.record_training_heartbeat(ID, 2, HALF) is AttemptState.LOST
    running = ledger.training(ID)
    assert (running.base, running.labels, running.progress, running.heartbeat_s) == ("tiny", labels, HALF, 1005.0)
    assert ledger.end_training(ID, 1, TrainingState.DONE, result=result(), note="It is in use.")
    assert not ledger.end_training(ID, 1, TrainingState.FAILED)
    ended = ledger.training(ID)
    assert (ended.state, ended.note, ended.worker) == (TrainingState.DONE, "It is in use.", "")
    assert ended.result is not None
    assert result_document(ended.result) == result_document(result())


def test_tries_are_bounded_unless_the_training_advances(ledger: SqlLedger) -> None:
    ledger.open_training(ID, REQUEST)
    for attempt in (1, 2):
        ledger.begin_training(ID, attempt, "w")
        ledger.record_training_heartbeat(ID, attempt, HALF)
        renewed = ledger.requeue_training(ID, attempt, reason="The worker died.", max_tries=2)
    assert (renewed.state, renewed.attempt, renewed.reason) == (TrainingState.FAILED, 2, "The worker died.")
    ledger.open_training(OTHER_ID, REQUEST)
    for attempt in range(1, 6):
        ledger.begin_training(OTHER_ID, attempt, "w")
        ledger.record_training_heartbeat(OTHER_ID, attempt, TrainingProgress("trains", attempt / 10, {}))
        renewed = ledger.requeue_training(OTHER_ID, attempt, reason="The worker died.", max_tries=2)
    assert (renewed.state, renewed.attempt) == (TrainingState.QUEUED, 6)
    for attempt in (6, 7, 8):
        ledger.begin_training(OTHER_ID, attempt, "w")
        renewed = ledger.requeue_training(OTHER_ID, attempt, reason="It stops.", max_tries=2, is_try=False)
    assert renewed.state is TrainingState.QUEUED


def test_a_running_training_ends_when_it_is_cancelled(ledger: SqlLedger) -> None:
    ledger.open_training(ID, REQUEST)
    ledger.begin_training(ID, 1, "w")
    assert ledger.cancel_training(ID).state is TrainingState.RUNNING
    assert ledger.record_training_heartbeat(ID, 1) is AttemptState.CANCELLED
    gone = ledger.requeue_training(ID, 1, reason="The worker died.", max_tries=3)
    assert (gone.state, gone.reason) == (TrainingState.CANCELLED, "")
    assert ledger.cancel_training(ID).state is TrainingState.CANCELLED
    with pytest.raises(NotFound, match="no training 't-no'"):
        ledger.cancel_training("t-no")


def test_trainings_without_a_heartbeat_are_silent(ledger: SqlLedger, clock: FakeClock) -> None:
    ledger.open_training(ID, REQUEST)
    assert ledger.silent_trainings(clock.now_s() + 1.0) == (), "nobody runs it"
    ledger.begin_training(ID, 1, "w")
    clock.advance(60.0)
    assert [each.training_id for each in ledger.silent_trainings(1030.0)] == [ID]
    ledger.record_training_heartbeat(ID, 1)
    assert ledger.silent_trainings(1030.0) == ()


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan"), 1e9])
def test_minutes_out_of_range_are_refused(minutes: float) -> None:
    with pytest.raises(InvalidInput, match="at most 10080 minutes"):
        TrainingRequest(7, minutes=minutes)
