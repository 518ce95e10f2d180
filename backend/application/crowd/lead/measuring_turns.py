"""Whose quality is measured next, beside the requests: one project at a time, each for a bounded time.

What is measured is kept, so a project's next turn goes on from there. A project comes in again behind all others.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from backend.application.ports.clock import Clock
from backend.application.ports.crowd_ledger import CrowdLedger
from backend.application.ports.quality_ledger import QualityLedger
from backend.domain.errors import MaskletError

logger = logging.getLogger(__name__)

EVERY_S = 60.0
"""A project is looked at so often. Looking is one call to Label Studio, and reads of the ledger."""

TURN_S = 120.0
"""The longest time of a project's turn; twice the last one after a turn that measured nothing."""

LONGEST_TURN_S = 3600.0


class QualityRecords(CrowdLedger, QualityLedger, Protocol):
    """What is read of the ledger."""


class Changes(Protocol):
    """Lists changed tasks of Label Studio."""

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> Sequence[object]:
        """since empty: the task that changed last. Raises LabelStudioUnavailable, LabelStudioRefused or NotFound."""
        ...


class MeasuringProcess(Protocol):
    """A process that measures a project."""

    def status(self) -> int | None:
        """None while it runs; 0: it has measured everything."""
        ...

    def end(self) -> str:
        """Ends it; returns what it said of its errors."""
        ...


Start = Callable[[int], MeasuringProcess]
"""Starts to measure a project."""


@dataclass(slots=True)
class _Schedule:
    """due_s: the next look, on the monotonic clock. measured: the signature that was measured last; empty: none."""

    due_s: float
    turn_s: float = TURN_S
    measured: str = ""


@dataclass(frozen=True, slots=True)
class _Turn:
    """signature, measured: of the project when the turn began, and the states of what was measured."""

    project_id: int
    signature: str
    measured: object
    process: MeasuringProcess
    ends_s: float


class MeasuringTurns:
    """Measures the projects that use a crowd's quality: with a measured task, with gold, or where a crowd makes masks.

    `sweep` may be called at any rate, by one thread.
    """

    def __init__(self, ledger: QualityRecords, changes: Changes, clock: Clock) -> None:
        self._ledger = ledger
        self._changes = changes
        self._clock = clock
        self._schedules: dict[int, _Schedule] = {}
        self._turn: _Turn | None = None
        self._is_closed = False

    def is_measuring(self, project_id: int) -> bool:
        """Whether it is the project's turn. Thread-safe."""
        turn = self._turn
        return turn is not None and turn.project_id == project_id

    def sweep(self, start: Start) -> None:
        """Ends a turn that is over; begins the next one, if a project has changed since it was measured."""
        if self._is_closed or (self._turn is not None and not self._has_ended(self._turn)):
            return
        now_s = self._clock.monotonic_s()
        for project_id in self._projects():
            self._schedules.setdefault(project_id, _Schedule(now_s + EVERY_S))
        due = [project_id for project_id, each in self._schedules.items() if each.due_s <= now_s]
        for project_id in sorted(due, key=lambda each: self._schedules[each].due_s):
            schedule = self._schedules[project_id]
            schedule.due_s = now_s + EVERY_S
            try:
                signature = self._signature(project_id)
            except MaskletError as error:
                logger.warning("whether project %d is to be measured cannot be told: %s", project_id, error)
                continue
            if signature != schedule.measured:
                states = self._ledger.measurement_states(project_id)
                self._turn = _Turn(project_id, signature, states, start(project_id), now_s + schedule.turn_s)
                return

    def close(self) -> None:
        """Ends a running turn; there is no other after it."""
        self._is_closed = True
        if self._turn is not None:
            self._turn.process.end()

    def _projects(self) -> frozenset[int]:
        crowds = (record.crowd for record in self._ledger.crowd_records())
        makers = {
            crowd.projects[role]
            for crowd in crowds
            if (role := crowd.maker_role) is not None and role in crowd.projects
        }
        return self._ledger.measured_projects() | makers

    def _signature(self, project_id: int) -> str:
        """Another text after every change of what measurements are made of. Raises as Changes does."""
        verdicts = self._ledger.everybodys_verdicts(project_id)
        gold = self._ledger.gold(project_id)
        parts = (
            list(self._changes.changed_tasks(project_id, since="", limit=1)),
            [(each.user, each.given) for each in verdicts],
            [(each.task, each.annotation_id, each.added_s) for each in gold],
        )
        return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def _has_ended(self, turn: _Turn) -> bool:
        """Whether the turn is over; ends one that takes too long."""
        status, now_s = turn.process.status(), self._clock.monotonic_s()
        if status is None and now_s < turn.ends_s:
            return False
        said, schedule = turn.process.end(), self._schedules[turn.project_id]
        schedule.due_s = now_s + EVERY_S
        if status == 0:
            schedule.measured, schedule.turn_s = turn.signature, TURN_S
        elif status is None:
            has_moved = self._ledger.measurement_states(turn.project_id) != turn.measured
            schedule.turn_s = TURN_S if has_moved else min(2 * schedule.turn_s, LONGEST_TURN_S)
        else:
            logger.warning("project %d is not measured: %s", turn.project_id, said or f"status {status}")
        self._turn = None
        return True
