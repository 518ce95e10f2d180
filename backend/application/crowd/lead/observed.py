"""What other parts observe of people, tasks and queues, as protocols. Without a part, nothing was observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from backend.domain.crowd.estimates import Estimate, PersonQuality
from backend.domain.tasks import TaskKey


class TrustAt(Protocol):
    """A person's trust at a time."""

    @property
    def at_s(self) -> float:
        """Seconds since the epoch."""
        ...

    @property
    def trust(self) -> Estimate: ...


class Quality(Protocol):
    """Agreement, gold and trust."""

    def people(self, project_id: int) -> Mapping[str, PersonQuality]:
        """By the name of Label Studio's user; people of whom nothing was observed are left out."""
        ...

    def agreement(self, project_id: int) -> Mapping[TaskKey, Estimate]:
        """The agreement of all people on a task, as IoU; tasks with fewer than two people are left out."""
        ...

    def trust_over_time(self, project_id: int) -> Mapping[str, Sequence[TrustAt]]:
        """Each person's trust, oldest first."""
        ...

    def is_measuring(self, project_id: int) -> bool:
        """Whether newer figures are on their way."""
        ...


@dataclass(frozen=True, slots=True)
class CrowdQueue:
    """One stage of a crowd. waiting: tasks. oldest_s: how long the oldest waits, seconds; None without one.

    done: tasks that left the stage. per_hour: over the last day; None if it is not known. stuck: sentences for people.
    """

    stage: str
    project_id: int
    waiting: int
    done: int
    oldest_s: float | None = None
    per_hour: float | None = None
    stuck: tuple[str, ...] = ()


class Crowd(Protocol):
    """Stages of a crowd and their queues."""

    def phase(self, project_id: int) -> str:
        """The stage of which a project is, such as "track"; empty for a project of no crowd."""
        ...

    def queues(self, project_id: int) -> Sequence[CrowdQueue]:
        """The queues of the crowd to which a project belongs; none for a project of no crowd."""
        ...

    def note(self, task: TaskKey) -> str:
        """What whoever makes masks on a task is told of the try before, without names; empty if nothing."""
        ...


class NothingObserved:
    """Quality and Crowd of a Masklet without these parts."""

    def people(self, project_id: int) -> Mapping[str, PersonQuality]:
        return {}

    def agreement(self, project_id: int) -> Mapping[TaskKey, Estimate]:
        return {}

    def trust_over_time(self, project_id: int) -> Mapping[str, Sequence[TrustAt]]:
        return {}

    def is_measuring(self, project_id: int) -> bool:
        return False

    def phase(self, project_id: int) -> str:
        return ""

    def queues(self, project_id: int) -> Sequence[CrowdQueue]:
        return ()

    def note(self, task: TaskKey) -> str:
        return ""


NOTHING_OBSERVED = NothingObserved()
