"""Attempts at trainings: how they end, and what the next one finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.training.labels import TrainingLabels
from backend.application.training.reconcile import TrainingReconciler
from backend.application.training.requests import Trainings
from backend.application.training.runner import REPORT, RESULT, TrainingRunner, tidy_ended
from backend.bootstrap.training.results import TrainingResults
from backend.domain.datasets import DatasetFrame
from backend.domain.errors import InvalidInput, MediaError, NotFound, ServiceUnavailable
from backend.domain.training import TrainingResult
from backend.domain.training.rows import Training, TrainingRequest, TrainingState
from tests.fakes.clock import FakeClock
from tests.fakes.stores import temporary_ledger
from tests.fakes.trainings import ID, FakeTrainingQueue, SteppingTrainer
from tests.unit.application.training.builders import CAT, HUMAN, Annotation, labels


@dataclass
class Work:
    """A runner over real rows and files. published: what its results were published as."""

    root: Path
    trainer: SteppingTrainer = field(default_factory=SteppingTrainer)
    clock: FakeClock = field(default_factory=FakeClock)
    published: list[str] = field(default_factory=list)
    is_stopping: bool = False
    publish_error: Exception | None = None

    def __post_init__(self) -> None:
        self.ledger: SqlLedger = temporary_ledger(self.clock)
        self.ledger.open_training(ID, TrainingRequest(7, "tiny", 5.0))
        self.annotations = {task: Annotation({CAT: (HUMAN, HUMAN)}) for task in (41, 42)}
        self.kept = TrainingResults(None)  # type: ignore[arg-type]  # publishes nothing here

    def write(self, result: TrainingResult, path: Path) -> None:
        self.kept.write(result, path)

    def read(self, path: Path) -> TrainingResult | None:
        return self.kept.read(path)

    def publish(self, training: Training, result: TrainingResult, folder: Path) -> str:
        if self.publish_error is not None:
            raise self.publish_error
        (folder / REPORT).write_text("a page")
        self.published.append(result.checkpoint)
        return "It is offered."

    def run(self, attempt: int = 1) -> Training:
        runner = TrainingRunner(
            self.ledger,
            self.trainer,
            self,
            self._open,
            lambda base: base,
            self.clock,
            self.root,
            "train-1",
            max_tries=3,
        )
        return runner.run(ID, attempt, lambda: self.is_stopping)

    @contextmanager
    def _open(self, _: Training) -> Iterator[TrainingLabels]:
        yield labels(t41_1=self.annotations[41], t42_1=self.annotations[42])

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.root / ID).iterdir()) if (self.root / ID).is_dir() else []


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path)


def test_a_training_ends_with_its_result_and_report(work: Work) -> None:
    work.trainer.each = lambda _: work.clock.advance(2.0)
    done = work.run()
    assert (done.state, done.note, done.base) == (TrainingState.DONE, "It is offered.", "tiny")
    assert done.result is not None
    assert done.result.checkpoint == done.name == work.published[0]
    assert [video.task for video in done.labels.videos] == [41, 42]
    assert (done.progress.share, done.progress.figures) == (1.0, {"loss": 0.25})
    assert work.files() == [REPORT]
    assert work.run() == done, "a stale entry of the queue"


def test_a_stopped_worker_gives_the_training_back(work: Work) -> None:
    def stop(step: int) -> None:
        work.is_stopping = step == 2

    work.trainer.each = stop
    back = work.run()
    assert (back.state, back.attempt, back.tries) == (TrainingState.QUEUED, 2, 1)
    work.is_stopping, work.trainer.each = False, lambda _: None
    assert work.run(2).state is TrainingState.DONE
    assert work.trainer.first_steps == [0, 2]


def test_a_cancelled_training_ends_at_its_next_step(work: Work) -> None:
    def cancel(step: int) -> None:
        work.clock.advance(5.0)
        if step == 1:
            work.ledger.cancel_training(ID)

    work.trainer.each = cancel
    assert work.run().state is TrainingState.CANCELLED
    assert work.files() == []


@pytest.mark.parametrize("error", [InvalidInput("too few labels"), NotFound("no such project")])
def test_what_another_attempt_would_meet_again_is_final(work: Work, error: Exception) -> None:
    work.trainer.each = _raising(error)
    failed = work.run()
    assert (failed.state, failed.reason) == (TrainingState.FAILED, str(error))


@pytest.mark.parametrize("error", [ServiceUnavailable("it does not answer"), RuntimeError("out of memory")])
def test_other_errors_are_tried_again_up_to_a_bound(work: Work, error: Exception) -> None:
    work.trainer.each = _raising(error)
    states = [work.run(attempt).state for attempt in (1, 2, 3)]
    assert states == [TrainingState.QUEUED, TrainingState.QUEUED, TrainingState.FAILED]
    assert work.ledger.training(ID).reason == f"{type(error).__name__}: {error}"
    assert sum(work.clock.slept) == 70.0, "it waits between the tries"


def test_a_video_that_turns_out_faulty_is_left_out(work: Work) -> None:
    broken, _ = work.annotations.values()

    frames = broken.frames
    reads: list[int] = []

    def once() -> Iterator[DatasetFrame]:
        reads.append(1)
        if len(reads) > 1:
            raise MediaError("the frame is broken")
        return frames()

    broken.frames = once  # type: ignore[method-assign]
    done = work.run()
    assert done.state is TrainingState.DONE
    assert [video.task for video in done.labels.videos] == [42]
    assert [each.reason for each in done.labels.left_out] == ["the frame is broken"]


def test_a_result_outlives_what_follows_it(work: Work) -> None:
    work.publish_error = ServiceUnavailable("the disk is away")
    assert work.run().state is TrainingState.QUEUED
    assert RESULT in work.files()
    work.publish_error = None
    assert work.run(2).state is TrainingState.DONE
    assert work.trainer.first_steps == [0], "it is not trained again"


def test_a_killed_attempt_is_queued_again_and_offered(work: Work) -> None:
    queue = FakeTrainingQueue()
    reconciler = TrainingReconciler(work.ledger, queue, work.clock, heartbeat_ttl_s=60.0, max_tries=3)
    work.ledger.begin_training(ID, 1, "train-1")
    reconciler.sweep()
    assert work.ledger.training(ID).state is TrainingState.RUNNING
    work.clock.advance(61.0)
    reconciler.sweep()
    work.clock.advance(3.0)
    reconciler.sweep()
    reconciler.sweep()
    assert queue.offered == [(ID, 2)]
    work.ledger.begin_training(ID, 2, "train-1")
    reconciler.worker_died("another")
    reconciler.worker_died("train-1")
    queued = work.ledger.training(ID)
    assert (queued.attempt, queued.reason) == (3, "the train worker died, perhaps for lack of memory")
    queue.is_away = True
    work.clock.advance(3.0)
    reconciler.sweep()


def test_trainings_are_found_by_name_id_and_project(work: Work) -> None:
    queue = FakeTrainingQueue(is_away=True)
    trainings = Trainings(work.ledger, queue)
    first, is_new = trainings.start(TrainingRequest(7))
    assert (first.training_id, is_new) == (ID, False)
    other, is_new = trainings.start(TrainingRequest(8))
    assert is_new, "the reconciler offers it once the queue answers"
    for name in (other.name, other.training_id, "project:8"):
        assert trainings.find(name) == other
    with pytest.raises(NotFound, match="masklet train start project:9"):
        trainings.find("project:9")
    with pytest.raises(NotFound, match="no training 'p1-x'; masklet train status lists"):
        trainings.find("p1-x")
    assert trainings.cancel(first).state is TrainingState.CANCELLED


def test_leftovers_of_ended_trainings_are_removed(work: Work) -> None:
    for name in (ID, "t-gone"):
        (work.root / name).mkdir()
        (work.root / name / "features").mkdir()
        (work.root / name / REPORT).touch()
    tidy_ended(work.root, work.ledger)
    assert work.files() == ["features", REPORT]
    assert [path.name for path in (work.root / "t-gone").iterdir()] == [REPORT]


def _raising(error: Exception) -> Callable[[int], None]:
    def each(_: int) -> None:
        raise error

    return each
