"""Recovery of trainings: those of dead workers are queued again, those that the queue lost are offered again."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from backend.application.ports.clock import Clock
from backend.application.ports.training.ledger import TrainingLedger
from backend.application.ports.training.queue import TrainingQueue
from backend.domain.errors import QueueUnavailable
from backend.domain.training.rows import Training, TrainingState

logger = logging.getLogger(__name__)

QUEUED_GRACE_S = 2.0
"""A training younger than this may not be in the queue yet."""


@dataclass(frozen=True, slots=True)
class TrainingReconciler:
    """Safe in any number of processes at once. max_tries: attempts without an advance before a training fails."""

    ledger: TrainingLedger
    queue: TrainingQueue
    clock: Clock
    heartbeat_ttl_s: float
    max_tries: int

    def sweep(self) -> None:
        """One round. Does not raise if the queue is unreachable."""
        now_s = self.clock.now_s()
        for training in self.ledger.silent_trainings(now_s - self.heartbeat_ttl_s):
            self._requeue(training, "the train worker fell silent")
        try:
            for training in self.ledger.trainings(is_open=True):
                is_due = training.state is TrainingState.QUEUED and training.updated_s <= now_s - QUEUED_GRACE_S
                if is_due and not self.queue.is_known(training):
                    self.queue.offer(training)
        except QueueUnavailable:
            return

    def worker_died(self, worker: str) -> None:
        """Queues the running training of a dead worker again at once."""
        for training in self.ledger.trainings(is_open=True):
            if training.state is TrainingState.RUNNING and training.worker == worker:
                self._requeue(training, "the train worker died, perhaps for lack of memory")

    def _requeue(self, training: Training, reason: str) -> None:
        renewed = self.ledger.requeue_training(
            training.training_id, training.attempt, reason=reason, max_tries=self.max_tries
        )
        logger.warning("training %s attempt %d: %s; now %s", training.name, training.attempt, reason, renewed.state)
