"""The TrainingQueue port over RQ: a queue of its own, whose workers answer no clicks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from backend.adapters.queue.rq_queue import RqQueue
from backend.domain.training.rows import TRAIN, Training


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An entry of the queue."""

    job_id: str
    attempt: int
    kind: str = TRAIN


@dataclass(frozen=True, slots=True)
class RqTrainingQueue:
    """Safe to share between threads."""

    queue: RqQueue

    def offer(self, training: Training) -> None:
        self.queue.enqueue(_Attempt(training.training_id, training.attempt), timeout_s=math.inf)

    def is_known(self, training: Training) -> bool:
        return self.queue.is_known(_Attempt(training.training_id, training.attempt))

    def workers(self) -> int:
        return self.queue.workers_of(TRAIN)
