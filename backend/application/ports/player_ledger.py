"""What the player alone asks of the ledger, as a protocol: verdicts, and counts of prompts by task and user."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import GivenVerdict, UserVerdict


@dataclass(frozen=True, slots=True)
class PromptCount:
    """One user's prompts of a task: the count of objects, and of frames with a mask that the user drew or approved."""

    task: TaskKey
    user: str
    objects: int
    human_frames: int


class PlayerLedger(Protocol):
    """A part of the Ledger. What is written is on disk on return."""

    def verdicts(self, task: TaskKey, *, user: str) -> tuple[GivenVerdict, ...]:
        """A user's verdicts on a task: the whole task's first, then by object."""
        ...

    def project_verdicts(self, project_id: int, *, user: str) -> Mapping[TaskKey, tuple[GivenVerdict, ...]]:
        """A user's verdicts on the tasks of a project; tasks without any are left out."""
        ...

    def everybodys_verdicts(self, project_id: int, *, task: TaskKey | None = None) -> tuple[UserVerdict, ...]:
        """All users' verdicts on a task (None: on the tasks of a project): by task and user, the whole task's first."""
        ...

    def set_verdict(self, task: TaskKey, verdict: GivenVerdict, *, user: str) -> None:
        """Writes a verdict over the user's earlier one of the same object, or of the whole task."""
        ...

    def remove_verdicts(self, task: TaskKey, object_ids: Collection[ObjectId | None], *, user: str) -> int:
        """Removes a user's verdicts on these objects (None: on the whole task); returns their count."""
        ...

    def jobs_also_of(self, task: TaskKey, *, user: str) -> frozenset[str]:
        """The propagations of a task that were opened for another user, and that this user requested too."""
        ...

    def prompt_counts(
        self, project_id: int, *, task: TaskKey | None = None, user: str | None = None
    ) -> tuple[PromptCount, ...]:
        """The counts of the tasks of a project by task and user; None: of all."""
        ...
