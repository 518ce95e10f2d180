"""What the crowd's quality asks of the ledger, as a protocol: measurements, gold, written consensus."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from backend.domain.crowd.agreement_measured import MeasuredTask
from backend.domain.crowd.gold_truth import GoldTask
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import UserVerdict


@dataclass(frozen=True, slots=True)
class WrittenConsensus:
    """The consensus of a task. state: of what it was made; empty while it is being written.

    masks_run: its stored masks. prediction_id: 0 while it is being written.
    """

    task: TaskKey
    state: str
    masks_run: str
    prediction_id: int


class QualityLedger(Protocol):
    """A part of the Ledger. What is written is on disk on return."""

    def everybodys_verdicts(self, project_id: int, *, task: TaskKey | None = None) -> tuple[UserVerdict, ...]:
        """See PlayerLedger."""
        ...

    def measurement_states(self, project_id: int) -> Mapping[TaskKey, str]:
        """The state of each measured task, as it was when it was measured."""
        ...

    def measurements(self, project_id: int) -> tuple[MeasuredTask, ...]:
        """The measured tasks of a project, by number."""
        ...

    def measured_projects(self) -> frozenset[int]:
        """The projects with a measured task or a gold task."""
        ...

    def record_measurement(self, measured: MeasuredTask, *, state: str) -> None:
        """Writes a measurement over the earlier one of the task."""
        ...

    def forget_measurements(self, project_id: int, task_ids: Collection[int]) -> None: ...

    def gold(self, project_id: int) -> tuple[GoldTask, ...]:
        """The gold tasks of a project: sources first, then copies, each in the order in which they were added."""
        ...

    def put_gold(self, gold: GoldTask) -> None:
        """Writes a gold task over the earlier one: of the same task for a source, of the same key for a copy."""
        ...

    def remove_gold(self, source: TaskKey) -> tuple[TaskKey, ...]:
        """Removes a source and its copies in all projects; returns the copies' tasks. Their tasks stay."""
        ...

    def consensus(self, project_id: int) -> Mapping[TaskKey, WrittenConsensus]:
        """What is written of the consensus, by task."""
        ...

    def put_consensus(self, written: WrittenConsensus) -> None:
        """Writes over the earlier one of the task."""
        ...
