"""The queue of trainings, and the record of the model in use, as protocols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from backend.domain.training.rows import Training


class TrainingQueue(Protocol):
    """Delivers trainings to train workers. May lose everything without harm: the ledger has the trainings."""

    def offer(self, training: Training) -> None:
        """Idempotent for (training id, attempt). Raises QueueUnavailable."""
        ...

    def is_known(self, training: Training) -> bool:
        """Whether the queue has this attempt, waiting or running. Raises QueueUnavailable."""
        ...

    def workers(self) -> int:
        """The count of train workers that make progress. Raises QueueUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class ActiveModel:
    """A checkpoint that was made the model in use. by: a person; empty for one at the machine. at_s: wall clock."""

    name: str
    by: str
    at_s: float


class ModelUse(Protocol):
    """Which trained checkpoint Masklet uses, for all its processes. Without one the settings choose."""

    def active(self) -> ActiveModel | None:
        """Raises ModelError if the record cannot be read."""
        ...

    def use(self, model: ActiveModel) -> None:
        """Makes a checkpoint the model in use; does nothing if it is. Raises StorageFull."""
        ...

    def roll_back(self) -> ActiveModel | None:
        """Takes the newest use back; returns the one before it, None without. Raises NotFound without a use."""
        ...
