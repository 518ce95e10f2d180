"""The written consensus: one prediction a task, however often it is made and whatever is killed on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.application.crowd.quality.consensus_runs import CONSENSUS
from backend.application.crowd.quality.write_consensus import ConsensusWriter, TaskConsensus
from backend.application.ports.quality_ledger import WrittenConsensus
from backend.domain.crowd.agreement_measured import Submission
from backend.domain.crowd.estimates import Estimate
from backend.domain.errors import LabelStudioUnavailable
from backend.domain.masklets import MaskOrigin, MaskRun
from backend.domain.tasks import TaskKey
from tests.fakes.annotations import CODEC, square, still
from tests.fakes.clock import FakeClock
from tests.fakes.crowd.people import PROJECT, MemoryCrowd

TASK = TaskKey(PROJECT, 1)


class Killed(BaseException):
    """In place of kill -9."""


@dataclass
class Predictions:
    """A PredictionSink with one prediction for each task and model version, as the real one has."""

    found: dict[tuple[TaskKey, str], tuple[list[dict[str, object]], float]] = field(default_factory=dict)
    puts: int = 0
    dies: Callable[[], None] = lambda: None

    def put_prediction(
        self, task: TaskKey, *, model_version: str, result: list[dict[str, object]], score: float
    ) -> int:
        self.puts += 1
        self.found[task, model_version] = (result, score)
        self.dies()
        return 70 + task.task_id

    def describe_task(self, task: TaskKey, fields: object) -> None:
        raise AssertionError("a consensus writes no columns")


def regions(run: MaskRun, *, label_config: str, task: TaskKey, run_name: str) -> list[dict[str, object]]:
    return [{"run": run_name, "objects": [str(each.object_id) for each in run.masklets]}]


@dataclass
class Setup:
    ledger: SqlLedger
    masks: FileMaskStore
    crowd: MemoryCrowd = field(default_factory=MemoryCrowd)
    predictions: Predictions = field(default_factory=Predictions)

    def run(self, *, trust: float = 0.8) -> list[TaskConsensus]:
        writer = ConsensusWriter(self.crowd, self.ledger, self.masks, CODEC, self.predictions, regions)
        listed = self.crowd.tasks(PROJECT)
        return writer.run(listed, lambda _: Estimate(trust, 0.0, 1.0, 5.0), write=True)

    @property
    def written(self) -> WrittenConsensus:
        return self.ledger.consensus(PROJECT)[TASK]


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    made = Setup(open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite", FakeClock()), FileMaskStore(tmp_path / "masks"))
    for number in range(3):
        made.crowd.submit(1, 10 + number, f"p{number}", still(a=(number, 0, 4)))
    return made


def test_a_consensus_is_written_once(setup: Setup) -> None:
    (first,), (second,) = setup.run(), setup.run()
    assert (first.is_new, second.is_new, first.people) == (True, False, 3)
    assert setup.predictions.puts == 1
    ((result, score),) = setup.predictions.found.values()
    (region,) = result
    assert (region["run"], setup.written.prediction_id) == (setup.written.masks_run, 71)
    run = setup.masks.read(setup.written.masks_run)
    (masklet,) = run.masklets
    assert [frame.origin for frame in masklet.frames] == [MaskOrigin.CONSENSUS] * 2
    assert (CODEC.decode(masklet.frames[0].mask) == square(1, 0, 4)).all()
    assert score == pytest.approx(1 - masklet.frames[0].uncertainty)
    assert list(setup.predictions.found) == [(TASK, CONSENSUS)]


def test_it_is_written_again_when_people_or_trust_change(setup: Setup) -> None:
    setup.run()
    before = setup.written.masks_run
    setup.crowd.submit(1, 12, "p2", still(a=(5, 5, 4)))
    setup.run()
    assert setup.written.masks_run != before
    setup.run(trust=0.6)
    assert setup.predictions.puts == 3
    assert len(setup.predictions.found) == 1


@pytest.mark.parametrize("step", ["before the ledger", "before the prediction", "after the prediction"])
def test_a_kill_at_any_step_loses_and_doubles_nothing(setup: Setup, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if step == "before the ledger":
            patched.setattr(SqlLedger, "put_consensus", dies)
        elif step == "before the prediction":
            patched.setattr(Predictions, "put_prediction", dies)
        else:
            patched.setattr(setup.predictions, "dies", dies)
        with pytest.raises(Killed):
            setup.run()
    (done,) = setup.run()
    assert done.is_new
    assert len(setup.predictions.found) == 1
    assert setup.masks.runs("u-") == (setup.written.masks_run,)
    (again,) = setup.run()
    assert not again.is_new


def test_an_outage_is_told_and_written_the_next_time(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses() -> None:
        raise LabelStudioUnavailable("Label Studio does not answer")

    monkeypatch.setattr(setup.predictions, "dies", refuses)
    with pytest.raises(LabelStudioUnavailable):
        setup.run()
    monkeypatch.undo()
    assert setup.written.state == ""
    (done,) = setup.run()
    assert done.is_new


def test_a_task_that_cannot_be_read_stops_no_other(setup: Setup) -> None:
    setup.crowd.submit(2, 20, "p0", still(a=(0, 0, 4)))
    setup.crowd.submit(2, 21, "p1", still(a=(0, 0, 4)))
    setup.crowd.submit(3, 30, "p1", still(a=(0, 0, 4)))
    setup.crowd.unreadable.add(1)
    refused, done = setup.run()
    assert (refused.refused, done.is_new) == ("task 1 cannot be read", True)


def test_nothing_is_written_of_people_who_agree_that_there_is_nothing(setup: Setup) -> None:
    setup.crowd.annotations = {}
    setup.crowd.submit(1, 10, "p0", still())
    setup.crowd.submit(1, 11, "p1", still())
    (done,) = setup.run()
    assert (done.is_new, done.uncertainty, setup.predictions.puts) == (False, None, 0)


def test_the_frames_to_decide_are_named(setup: Setup) -> None:
    """Also on objects that are left out, because too few people have them."""
    setup.crowd.annotations = {}
    setup.crowd.submit(1, 11, "p1", still(a=(0, 0, 4)))
    setup.crowd.submit(1, 12, "p2", still(a=(5, 5, 4)))
    (done,) = setup.run()
    assert {each.frame_index for each in done.disagreements} == {0, 1}
    assert {each.object_number for each in done.disagreements} == {1, 2}
    assert done.listed.people == (Submission("p1", 11, 1011.0), Submission("p2", 12, 1012.0))
