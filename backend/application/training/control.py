"""Control of one attempt at a training between its steps: progress, heartbeat, and whether it is to end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from backend.application.ports.clock import Clock
from backend.application.ports.progress import work_moved
from backend.application.ports.training.ledger import AttemptState, TrainingLedger
from backend.application.worker.threads import in_thread
from backend.domain.errors import Cancelled, Interrupted, ServiceUnavailable, Superseded
from backend.domain.training import TrainingProgress
from backend.domain.training.rows import Training

logger = logging.getLogger(__name__)

WRITE_EVERY_S = 1.0
"""A step takes a fraction of a second: people do not read each one's figures."""

ALIVE_EVERY_S = 10.0
"""A step of a large model on a CPU may take longer than a heartbeat counts; a thread of its own writes it."""


@dataclass(slots=True)
class TrainingControl:
    """A CancelToken, and what takes the trainer's progress."""

    ledger: TrainingLedger
    clock: Clock
    training: Training
    is_stopping: Callable[[], bool]
    newest: TrainingProgress | None = None
    written_s: float = float("-inf")

    def raise_if_cancelled(self) -> None:
        """Raises Interrupted if the worker stops, Cancelled if a person asked for it, Superseded for a lost attempt."""
        work_moved()
        if self.is_stopping():
            raise Interrupted("the worker is stopping; the training goes on later")
        if self.clock.monotonic_s() - self.written_s >= WRITE_EVERY_S:
            self._write()

    def report(self, progress: TrainingProgress) -> None:
        """Takes the newest progress. A new phase is written at once. Raises as `raise_if_cancelled`."""
        is_new = self.newest is None or self.newest.phase != progress.phase
        self.newest = progress
        if is_new:
            self.written_s = float("-inf")
        self.raise_if_cancelled()

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Inside, the heartbeat is written by a thread as well."""

        def keep_alive(ended: threading.Event) -> None:
            while not ended.wait(ALIVE_EVERY_S):
                self._record_heartbeat(None)

        with in_thread("training-heartbeat", keep_alive, join_s=None):
            yield

    def _write(self) -> None:
        self.written_s = self.clock.monotonic_s()
        state = self._record_heartbeat(self.newest)
        if state is AttemptState.CANCELLED:
            raise Cancelled("the training was cancelled")
        if state is AttemptState.LOST:
            raise Superseded("another attempt has the training")

    def _record_heartbeat(self, progress: TrainingProgress | None) -> AttemptState:
        """A ledger that is away does not end a training of hours."""
        try:
            return self.ledger.record_training_heartbeat(self.training.training_id, self.training.attempt, progress)
        except ServiceUnavailable as error:
            logger.warning("training %s: its progress was not written: %s", self.training.name, error)
            return AttemptState.CURRENT
