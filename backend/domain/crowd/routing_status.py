"""The state of a crowd's work, for `masklet crowd status` and the lead's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.domain.crowd.routing import Crowd, ItemState, Role
from backend.domain.tasks import TaskKey

HOURS = 24
"""The hours of throughput."""


@dataclass(frozen=True, slots=True)
class StuckStep:
    """A step that needs a person's help, or waits for a next try.

    item: the item's first task. task: the step's own; None before it exists. reason: a sentence. since_s: for how many
    seconds. next_try_s: seconds until the next try; None if Masklet does not try by itself.
    """

    item: TaskKey
    role: Role
    task: TaskKey | None
    reason: str
    since_s: float
    next_try_s: float | None = None


@dataclass(frozen=True, slots=True)
class StoppedItem:
    """An item that was stopped. task: of its last step. redos: how often it was sent back. note: what was said last."""

    item: TaskKey
    task: TaskKey | None
    redos: int
    note: str
    since_s: float


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """The work of one role.

    wanted: steps whose task is being made. open: nobody answered yet. answered: open steps with some answer. done: all
    that ever ended. oldest_s: the age of the oldest open step, None without one. done_by_hour: ended steps in each of
    the last 24 hours, the oldest hour first. problem: why the project cannot be read; empty if it can.
    """

    role: Role
    project_id: int
    wanted: int = 0
    open: int = 0
    answered: int = 0
    done: int = 0
    oldest_s: float | None = None
    done_by_hour: tuple[int, ...] = (0,) * HOURS
    problem: str = ""

    @property
    def per_hour(self) -> float:
        """The mean of the last day."""
        return sum(self.done_by_hour) / HOURS


@dataclass(frozen=True, slots=True)
class CrowdStatus:
    """A crowd's work. items: counts by state. queues: in the order of the roles.

    hard, easy: made masklets on which at least two frames, or fewer, were edited.
    """

    crowd: Crowd
    is_ready: bool
    items: Mapping[ItemState, int] = field(default_factory=dict)
    queues: tuple[QueueStatus, ...] = ()
    stuck: tuple[StuckStep, ...] = ()
    stopped: tuple[StoppedItem, ...] = ()
    hard: int = 0
    easy: int = 0

    def queue(self, role: Role) -> QueueStatus | None:
        return next((each for each in self.queues if each.role is role), None)
