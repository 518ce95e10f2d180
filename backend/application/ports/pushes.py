"""The ledger's pushes of predictions to Label Studio, as a protocol."""

from __future__ import annotations

from typing import Protocol

from backend.domain.jobs import PendingPush
from backend.domain.tasks import TaskKey


class Pushes(Protocol):
    """One per task and model version: that of the newest finished job."""

    def due_pushes(self, now_s: float, *, limit: int = 20) -> tuple[PendingPush, ...]: ...

    def pending_pushes(self) -> int:
        """The count of predictions that have yet to reach Label Studio, due or not."""
        ...

    def claim_push(self, push: PendingPush, *, until_s: float) -> bool:
        """Claims a pending push until until_s; False if another process has claimed it."""
        ...

    def settle_push(self, push: PendingPush) -> None:
        """Writes the result of a claimed push, unless a newer job's push replaced it."""
        ...

    def postpone_pushes(self, until_s: float) -> None:
        """Lets no pending push be due before until_s."""
        ...

    def latest_push(self, task: TaskKey, *, job_id: str | None = None) -> PendingPush | None:
        """A task's newest push. job_id: of this job, even if there are newer pushes of other models."""
        ...

    def refused_pushes(self, project_id: int) -> tuple[PendingPush, ...]:
        """The newest pushes of a project's tasks that Label Studio refused, by task."""
        ...
