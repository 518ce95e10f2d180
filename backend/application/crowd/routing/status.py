"""How a crowd's work stands: its queues, what is stuck and why, what was stopped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backend.application.ports.clock import Clock
from backend.application.ports.crowd_ledger import CrowdLedger, CrowdRecord, StepCounts
from backend.application.ports.ledger import Ledger
from backend.application.ports.projects import ProjectDirectory
from backend.domain.crowd.routing import HARD_FRAMES, ItemState, Role, Step, parse_step_name
from backend.domain.crowd.routing_status import HOURS, CrowdStatus, QueueStatus, StoppedItem, StuckStep
from backend.domain.errors import MaskletError, NotFound
from backend.domain.retries import FailureKind

HOUR_S = 3600.0
LISTED = 200
"""The most stuck steps and stopped items that are listed."""


@dataclass(frozen=True, slots=True)
class CrowdStatuses:
    """Reads statuses. projects: None does not ask Label Studio whether the projects are there."""

    ledger: CrowdLedger
    failures: Ledger
    clock: Clock
    projects: ProjectDirectory | None = None

    def all(self) -> tuple[CrowdStatus, ...]:
        """Of all crowds, by name."""
        return tuple(self._status(record) for record in self.ledger.crowd_records())

    def of(self, name: str) -> CrowdStatus:
        """Raises NotFound, naming the crowds that there are."""
        record = self.ledger.crowd_record(name)
        if record is None:
            known = ", ".join(repr(each.crowd.name) for each in self.ledger.crowd_records())
            there = f"there is {known}" if known else "there is none: make one with masklet crowd init NAME"
            raise NotFound(f"there is no crowd {name[:60]!r}; {there}")
        return self._status(record)

    def _status(self, record: CrowdRecord) -> CrowdStatus:
        crowd, now_s = record.crowd, self.clock.now_s()
        counts = self.ledger.step_counts(crowd.name, since_s=now_s - HOURS * HOUR_S)
        stuck = [*self._failed(crowd.name, now_s), *self._waiting(crowd.name, now_s)]
        maker = crowd.maker_role
        hard, easy = (0, 0) if maker is None else self.ledger.edited_counts(crowd.name, maker, hard_frames=HARD_FRAMES)
        return CrowdStatus(
            crowd,
            record.is_ready,
            self.ledger.item_counts(crowd.name),
            tuple(self._queue(role, crowd.projects[role], counts, now_s) for role in crowd.projects),
            tuple(stuck),
            tuple(self._stopped(crowd.name, now_s)),
            hard,
            easy,
        )

    def _queue(self, role: Role, project_id: int, counts: Mapping[Role, StepCounts], now_s: float) -> QueueStatus:
        found = counts[role]
        return QueueStatus(
            role,
            project_id,
            found.wanted,
            found.open,
            found.answered,
            found.done,
            None if found.oldest_s is None else max(now_s - found.oldest_s, 0.0),
            by_hour(found.done_s, now_s),
            self._problem(project_id),
        )

    def _problem(self, project_id: int) -> str:
        if self.projects is None:
            return ""
        try:
            self.projects.project(project_id)
        except NotFound:
            return f"project {project_id} is gone from Label Studio, or hidden from the token's user"
        except MaskletError as error:
            return str(error)
        return ""

    def _failed(self, crowd: str, now_s: float) -> Iterator[StuckStep]:
        """Steps whose last try failed."""
        for failed in self.failures.failed_tries(kind=FailureKind.ROUTE, limit=LISTED):
            parsed = parse_step_name(failed.subject)
            if parsed is None or parsed[0] != crowd:
                continue
            step = next((each for each in self.ledger.steps_of_item(parsed[1]) if each.number == parsed[2]), None)
            if step is not None:
                next_try_s = None if failed.is_given_up else max(failed.next_try_s - now_s, 0.0)
                since_s = max(now_s - failed.failures.since_s, 0.0)
                yield StuckStep(step.item, step.role, step.task, failed.reason, since_s, next_try_s)

    def _waiting(self, crowd: str, now_s: float) -> Iterator[StuckStep]:
        """Open steps that somebody answered and that do not go on."""
        for step in self.ledger.waiting_steps(crowd, limit=LISTED):
            next_try_s = step.look_s - now_s if step.look_s - now_s < HOUR_S else None
            since_s = max(now_s - step.opened_s, 0.0)
            next_try = None if next_try_s is None else max(next_try_s, 0.0)
            yield StuckStep(step.item, step.role, step.task, step.waits, since_s, next_try)

    def _stopped(self, crowd: str, now_s: float) -> Iterator[StoppedItem]:
        for item in self.ledger.items_in(crowd, ItemState.STOPPED, limit=LISTED):
            steps = self.ledger.steps_of_item(item.key)
            yield StoppedItem(item.key, steps[-1].task, item.redos, _last_note(steps), max(now_s - item.changed_s, 0.0))


def by_hour(done_s: Sequence[float], now_s: float) -> tuple[int, ...]:
    """Counts in each of the last HOURS hours, the oldest hour first. done_s, now_s: one clock."""
    counts = [0] * HOURS
    for at_s in done_s:
        age = int(max(now_s - at_s, 0.0) // HOUR_S)
        if age < HOURS:
            counts[HOURS - 1 - age] += 1
    return tuple(counts)


def _last_note(steps: Sequence[Step]) -> str:
    """What the last maker was told."""
    return next((step.note for step in reversed(steps) if step.role is not Role.VERIFY and step.note), "")
