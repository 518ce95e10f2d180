"""A train worker for the tests: the real worker, ledger and runner, and a trainer that only counts its steps.

python train_process.py QUEUE_URL LEDGER_URL FOLDER NAME.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.adapters.queue.rq_worker import MaskletWorker
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.application.training.labels import TrainingLabels
from backend.application.training.runner import REPORT, TrainingRunner
from backend.bootstrap.training.results import TrainingResults
from backend.domain.training import TrainingResult
from backend.domain.training.rows import TRAIN, Training
from tests.fakes.trainings import SteppingTrainer
from tests.integration.queue.clock import SystemClock
from tests.unit.application.training.builders import CAT, HUMAN, Annotation, labels

STEPS = 60


class Results(TrainingResults):
    """Results that offer nothing."""

    def publish(self, training: Training, result: TrainingResult, folder: Path) -> str:
        (folder / REPORT).touch()
        return "It is offered."


@contextmanager
def open_labels(_: Training) -> Iterator[TrainingLabels]:
    yield labels(t41_1=Annotation({CAT: (HUMAN, HUMAN)}))


def main(url: str, ledger_url: str, folder: str, name: str) -> None:
    ledger = open_ledger(ledger_url, SystemClock())
    worker = MaskletWorker(url, TRAIN, name=name)
    runner = TrainingRunner(
        ledger,
        SteppingTrainer(STEPS, step_s=0.02),
        Results(None),  # type: ignore[arg-type]  # it opens no container
        open_labels,
        lambda base: base,
        SystemClock(),
        Path(folder),
        name,
        max_tries=3,
    )
    entry = types.ModuleType("backend.interfaces.worker")
    setattr(entry, "run_job", lambda job_id, attempt: runner.run(job_id, attempt, worker.is_stopping))  # noqa: B010
    sys.modules["backend.interfaces.worker"] = entry
    worker.run(burst=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
