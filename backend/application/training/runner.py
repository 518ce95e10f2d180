"""Runs attempts at trainings in a train worker: labels, trainer, result; and how an attempt ends.

Everything of a training lies in one folder until it ends. A killed attempt leaves the trainer's state there, and the
next one resumes it. A result is on disk before anything follows from it.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backend.application.ports.clock import Clock
from backend.application.ports.progress import work_moved
from backend.application.ports.training import Trainer
from backend.application.ports.training.ledger import TrainingLedger
from backend.application.training.control import TrainingControl
from backend.application.training.labels import TrainingLabels, VideoFault
from backend.domain.errors import (
    Cancelled,
    DeviceOutOfMemory,
    IntegrityError,
    Interrupted,
    InvalidInput,
    LabelStudioRefused,
    ModelError,
    NotAllowed,
    NotFound,
    Superseded,
)
from backend.domain.training import TrainingProgress, TrainingResult
from backend.domain.training.rows import Training, TrainingState

logger = logging.getLogger(__name__)

FINAL = (InvalidInput, ModelError, IntegrityError, NotAllowed, NotFound, LabelStudioRefused, DeviceOutOfMemory)
"""Errors that another attempt would meet again."""

WAITS_S = (10.0, 60.0, 300.0)
"""The wait after each failed try: what does not answer needs some time."""

WAIT_STEP_S = 0.5
RESULT, REPORT = "outcome.json", "report.html"
READING, WRITING = "reads the labels", "writes the result"


class Results(Protocol):
    """Writes results, and does what follows from them. Each method may be repeated."""

    def write(self, result: TrainingResult, path: Path) -> None: ...

    def read(self, path: Path) -> TrainingResult | None:
        """None if there is none yet."""
        ...

    def publish(self, training: Training, result: TrainingResult, folder: Path) -> str:
        """Writes the report, puts an offered checkpoint in its place and activates it if that was asked for.

        Returns a sentence on what was done. Raises StorageFull.
        """
        ...


@dataclass(frozen=True, slots=True)
class TrainingRunner:
    """root: the folder of trainings. base_of: the checkpoint's name that a request's base stands for."""

    ledger: TrainingLedger
    trainer: Trainer
    results: Results
    open_labels: Callable[[Training], AbstractContextManager[TrainingLabels]]
    base_of: Callable[[str], str]
    clock: Clock
    root: Path
    worker_name: str
    max_tries: int

    def run(self, training_id: str, attempt: int, is_stopping: Callable[[], bool]) -> Training:
        """Runs one attempt and records how it ended. Never raises for a training that fails."""
        training = self.ledger.begin_training(training_id, attempt, self.worker_name)
        if training is None:
            logger.info("training %s attempt %d is stale; nothing is done", training_id, attempt)
            return self.ledger.training(training_id)
        control = TrainingControl(self.ledger, self.clock, training, is_stopping)
        with control.alive():
            self._recorded(training, control)
        ended = self.ledger.training(training_id)
        if ended.state.is_final:
            tidy(self.root / training_id)
        return ended

    def _recorded(self, training: Training, control: TrainingControl) -> None:
        """Runs the attempt and writes its end to the ledger."""
        training_id, attempt = training.training_id, training.attempt
        try:
            result, note = self._attempt(training, control)
            self.ledger.end_training(training_id, attempt, TrainingState.DONE, result=result, note=note)
        except Interrupted as error:
            self.ledger.requeue_training(
                training_id, attempt, reason=str(error), max_tries=self.max_tries, is_try=False
            )
        except Superseded:
            logger.info("training %s attempt %d: another attempt has it", training.name, attempt)
        except Cancelled:
            self.ledger.end_training(training_id, attempt, TrainingState.CANCELLED)
        except FINAL as error:
            logger.warning("training %s failed: %s", training.name, error)
            self.ledger.end_training(training_id, attempt, TrainingState.FAILED, reason=str(error))
        except Exception as error:  # the attempt's boundary: the ledger records any error, and the worker continues
            logger.exception("training %s attempt %d failed", training.name, attempt)
            self._wait(training, control)
            self.ledger.requeue_training(
                training_id, attempt, reason=f"{type(error).__name__}: {error}", max_tries=self.max_tries
            )

    def _attempt(self, training: Training, control: TrainingControl) -> tuple[TrainingResult, str]:
        folder = self.root / training.training_id
        folder.mkdir(parents=True, exist_ok=True)
        result = self.results.read(folder / RESULT)
        if result is None:
            result = self._trained(training, folder, control)
            self.results.write(result, folder / RESULT)
            figures = {} if control.newest is None else control.newest.figures
            control.report(TrainingProgress(WRITING, 1.0, figures))
        known = self.ledger.training(training.training_id)
        return result, self.results.publish(known, result, folder)

    def _trained(self, training: Training, folder: Path, control: TrainingControl) -> TrainingResult:
        """Trains, and again without a video that turned out faulty. Raises what the labels and the trainer raise."""
        training_id, attempt = training.training_id, training.attempt
        control.report(TrainingProgress(READING, training.progress.share, {}))
        base = training.base or self.base_of(training.request.base)
        self.ledger.describe_training(training_id, attempt, base=base)
        with self.open_labels(training) as labels:
            self.ledger.describe_training(training_id, attempt, labels=labels.collect(control))
            while True:
                try:
                    return self.trainer.train(
                        training.request.plan(base),
                        labels,
                        training.name,
                        folder,
                        progress=control.report,
                        cancel=control,
                    )
                except VideoFault as error:
                    logger.warning("training %s goes on without a video: %s", training.name, error)
                    used = labels.leave_out(error.key, error.reason)
                    self.ledger.describe_training(training_id, attempt, labels=used)

    def _wait(self, training: Training, control: TrainingControl) -> None:
        """Waits before the next try. Ends early if the worker stops, or the training is cancelled."""
        tries = self.ledger.training(training.training_id).tries
        if tries >= self.max_tries:
            return
        until_s = self.clock.monotonic_s() + WAITS_S[min(tries, len(WAITS_S)) - 1]
        while self.clock.monotonic_s() < until_s:
            try:
                control.raise_if_cancelled()
            except Cancelled:
                return
            self.clock.sleep(WAIT_STEP_S)


def tidy(folder: Path) -> None:
    """Removes what an ended training does not need any more: all but its report."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name != REPORT:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
            work_moved()
    if not any(folder.iterdir()):
        folder.rmdir()


def tidy_ended(root: Path, ledger: TrainingLedger) -> None:
    """Tidies the folders of ended trainings, which a kill may have left."""
    kept = {training.training_id for training in ledger.trainings(is_open=True, limit=10_000)}
    for folder in root.iterdir() if root.is_dir() else ():
        if folder.name.startswith("t-") and folder.name not in kept:
            tidy(folder)
