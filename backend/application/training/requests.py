"""Starting, finding and cancelling trainings."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass

from backend.application.ports.training.ledger import TrainingLedger
from backend.application.ports.training.queue import TrainingQueue
from backend.domain.errors import NotFound, QueueUnavailable
from backend.domain.training.rows import TRAINING_PREFIX, Training, TrainingRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trainings:
    """The use cases of commands and of the web process."""

    ledger: TrainingLedger
    queue: TrainingQueue

    def start(self, request: TrainingRequest) -> tuple[Training, bool]:
        """Records and queues a training. If one of the project is open, returns that one, and False."""
        training, is_new = self.ledger.open_training(TRAINING_PREFIX + secrets.token_hex(20), request)
        if is_new:
            logger.info("training %s of project %d is queued", training.name, request.project_id)
            try:
                self.queue.offer(training)
            except QueueUnavailable as error:  # the reconciler offers it again
                logger.warning("training %s is not in the queue yet: %s", training.name, error)
        return training, is_new

    def cancel(self, training: Training) -> Training:
        """Ends a training at its next step; a queued one at once. Does nothing to one that has ended."""
        return self.ledger.cancel_training(training.training_id)

    def find(self, name: str) -> Training:
        """By name ("p7-3f9a1c"), by id, or the newest of a project ("project:7"). Raises NotFound."""
        kind, colon, number = name.partition(":")
        if colon and kind == "project" and number.isascii() and number.isdecimal() and len(number) <= 18:
            newest = self.ledger.trainings(project_id=int(number), limit=1)
            if not newest:
                raise NotFound(f"project {number} was never trained on; start with: masklet train start {name}")
            return newest[0]
        if name.startswith(TRAINING_PREFIX):
            return self.ledger.training(name)
        found = next((each for each in self.ledger.trainings(limit=10_000) if each.name == name), None)
        if found is None:
            raise NotFound(f"there is no training {name[:60]!r}; masklet train status lists them")
        return found

    def of_project(self, project_id: int) -> tuple[Training, ...]:
        """The newest first."""
        return self.ledger.trainings(project_id=project_id)
