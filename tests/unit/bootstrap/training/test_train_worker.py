"""Train workers: one training at a time on a machine, and never on another worker."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.bootstrap.training.worker import TrainRuntime, train_runtime
from backend.domain.training.rows import Training, TrainingRequest, TrainingState
from tests.fakes.trainings import ID

TRAINING = Training(ID, TrainingRequest(7), TrainingState.QUEUED, 1)


@dataclass
class Ledger:
    def training(self, _: str) -> Training:
        return TRAINING


@dataclass
class WaitingRunner:
    """Runs until it is released. began: set when it runs."""

    began: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    ledger: Ledger = field(default_factory=Ledger)

    def run(self, *_: object) -> Training:
        self.began.set()
        assert self.released.wait(60)
        return TRAINING


def test_a_second_training_waits_for_the_first(tmp_path: Path) -> None:
    first, second = WaitingRunner(), WaitingRunner()
    stopping, ended = threading.Event(), list[str]()
    runtimes = [
        TrainRuntime(runner, stopping.is_set, tmp_path / "machine.lock", lambda: ended.append("a training"))  # type: ignore[arg-type]
        for runner in (first, second)
    ]
    threads = [threading.Thread(target=runtime.run, args=(ID, 1)) for runtime in runtimes]
    threads[0].start()
    assert first.began.wait(60)
    threads[1].start()
    assert not second.began.wait(0.8)
    first.released.set()
    assert second.began.wait(60), "the lock is free again"
    second.released.set()
    for thread in threads:
        thread.join(60)
    assert ended == ["a training"] * 2
    stopping.set()
    assert runtimes[0].run(ID, 1) is TRAINING, "a worker that stops leaves it in the ledger"
    assert len(ended) == 2


def test_other_workers_refuse_trainings() -> None:
    with pytest.raises(RuntimeError, match="not a train worker"):
        train_runtime()
