"""Rows of trainings in the ledger, as a protocol."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from backend.domain.training import TrainingProgress, TrainingResult
from backend.domain.training.rows import Training, TrainingRequest, TrainingState, UsedLabels


class AttemptState(StrEnum):
    """Whether an attempt goes on. CANCELLED: somebody cancelled the training. LOST: another attempt has it."""

    CURRENT = "current"
    CANCELLED = "cancelled"
    LOST = "lost"


class TrainingLedger(Protocol):
    """A part of the Ledger. Methods with an attempt do nothing for one that is not the current one."""

    def open_training(self, training_id: str, request: TrainingRequest) -> tuple[Training, bool]:
        """Records a training. If one of the project is open already, returns that one, and False."""
        ...

    def training(self, training_id: str) -> Training:
        """Raises NotFound."""
        ...

    def trainings(
        self, *, project_id: int | None = None, is_open: bool = False, limit: int = 100
    ) -> tuple[Training, ...]:
        """The newest first. is_open: the open ones alone."""
        ...

    def begin_training(self, training_id: str, attempt: int, worker: str) -> Training | None:
        """Takes a queued training; None if this attempt is not to be run."""
        ...

    def describe_training(
        self, training_id: str, attempt: int, *, base: str | None = None, labels: UsedLabels | None = None
    ) -> None:
        """Records what a running training starts from, or learns from."""
        ...

    def record_training_heartbeat(
        self, training_id: str, attempt: int, progress: TrainingProgress | None = None
    ) -> AttemptState:
        """Marks a running training as alive. progress: replaces the earlier one."""
        ...

    def end_training(
        self,
        training_id: str,
        attempt: int,
        state: TrainingState,
        *,
        reason: str = "",
        result: TrainingResult | None = None,
        note: str = "",
    ) -> bool:
        """Ends a running training; whether it was this attempt's to end."""
        ...

    def requeue_training(
        self, training_id: str, attempt: int, *, reason: str, max_tries: int, is_try: bool = True
    ) -> Training:
        """Puts a running training back into the queue with a new attempt, or fails it after max_tries.

        is_try: whether the ended attempt counts. A cancelled training is cancelled.
        """
        ...

    def cancel_training(self, training_id: str) -> Training:
        """Cancels a queued training; a running one ends at its next step. Raises NotFound."""
        ...

    def silent_trainings(self, heartbeat_before_s: float) -> tuple[Training, ...]:
        """Running trainings without a heartbeat since then."""
        ...
