"""Routes work between the projects of all crowds: the loop that the web process runs.

The ledger has what is routed, so a killed process loses nothing, and several processes route each step once. A webhook
shortens the wait for the next look at its project; without webhooks projects are polled.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from backend.application.crowd.routing.arrivals import Arrived
from backend.application.crowd.routing.steps import Steps
from backend.application.jobs.retry import failed_again, outlook
from backend.application.ports.clock import Clock
from backend.application.ports.crowd_ledger import CrowdLedger
from backend.application.ports.ledger import Ledger
from backend.domain.crowd.routing import Crowd, Role, Step
from backend.domain.errors import LabelStudioUnavailable, MaskletError, ServiceUnavailable
from backend.domain.retries import FailedTry, FailureKind

logger = logging.getLogger(__name__)

MIN_WAIT_S = 5.0
MAX_WAIT_S = 60.0
REMOVED_S = 600.0
"""Between two looks for tasks that were removed: all numbers of a project are read."""

CLAIM_S = 90.0
"""Longer than a call to Label Studio may last: a task that a killed process asked for is there when another looks."""


@dataclass(slots=True)
class ProjectSchedule:
    """The next look at a project, the last wait, and the next look for removed tasks: monotonic clock, seconds."""

    next_s: float = float("-inf")
    wait_s: float = MIN_WAIT_S
    removed_s: float = float("-inf")


@dataclass(frozen=True, slots=True)
class Router:
    """`sweep` may be called at any rate, and by several processes."""

    ledger: CrowdLedger
    failures: Ledger
    steps: Steps
    clock: Clock
    schedules: dict[int, ProjectSchedule] = field(default_factory=dict)
    random: Callable[[], float] = random.random
    """0 to 1: shortens the waits of failed steps."""

    def hint(self, project_id: int) -> None:
        """Looks at a project in the next sweep."""
        schedule = self.schedules.get(project_id)
        if schedule is not None:
            schedule.next_s, schedule.wait_s = float("-inf"), MIN_WAIT_S

    def is_verified(self, project_id: int) -> bool:
        """Whether people say in this project whether masks are right: they make none."""
        record = self.ledger.crowd_of_project(project_id)
        return record is not None and record.crowd.role_of(project_id) is Role.VERIFY

    def sweep(self) -> None:
        """One round: reads what arrived, ends steps, makes tasks. Raises nothing for a step or project that fails."""
        crowds = {record.crowd.name: record.crowd for record in self.ledger.crowd_records() if record.is_ready}
        if not crowds:
            return
        for crowd in crowds.values():
            for role in crowd.projects:
                self._look(crowd, role)
        work = (partial(self._settle_due, crowds), self._make_wanted, self._fill_unfilled)
        all(part() for part in work)  # a service that does not answer ends the round

    def _settle_due(self, crowds: Mapping[str, Crowd]) -> bool:
        due = self.ledger.due_steps(self.clock.now_s())
        return all(self._tried(step, lambda step: self.steps.settle(crowds[step.crowd], step)) for step in due)

    def _make_wanted(self) -> bool:
        return all(self._make(step) for step in self.ledger.wanted_steps(self.clock.now_s()))

    def _fill_unfilled(self) -> bool:
        version = self.steps.model_version
        found = self.ledger.unfilled_steps(self.clock.now_s(), model_version=version) if version else ()
        return all(self._tried(step, self.steps.fill_again) for step in found)

    def _look(self, crowd: Crowd, role: Role) -> None:
        """Reads a project if it is due. One that cannot be read is read again later."""
        project_id = crowd.projects[role]
        schedule = self.schedules.setdefault(project_id, ProjectSchedule())
        if self.clock.monotonic_s() < schedule.next_s:
            return
        schedule.next_s = float("inf")  # a hint that comes meanwhile sets it anew
        found = Arrived.NOTHING
        try:
            found = self.steps.arrivals.read(crowd, role)
            if self.clock.monotonic_s() >= schedule.removed_s:
                self.steps.arrivals.find_removed(project_id)
                schedule.removed_s = self.clock.monotonic_s() + REMOVED_S
        except MaskletError as error:
            logger.warning("crowd %r: project %d cannot be read: %s", crowd.name, project_id, error)
        except Exception:  # one project's error must not end the loop
            logger.exception("crowd %r: project %d cannot be read", crowd.name, project_id)
        schedule.wait_s = min(schedule.wait_s * 2, MAX_WAIT_S) if found is Arrived.NOTHING else MIN_WAIT_S
        if schedule.next_s == float("inf"):
            wait_s = 0.0 if found is Arrived.MORE else schedule.wait_s
            schedule.next_s = self.clock.monotonic_s() + wait_s

    def _tried(self, step: Step, work: Callable[[Step], object]) -> bool:
        """Whether the next step may be worked on: not if a service does not answer, which fails the others too."""
        try:
            work(step)
        except Exception as error:  # one step that fails must not hold up the others
            return self._failed(step, error)
        return True

    def _make(self, step: Step) -> bool:
        if not self.ledger.claim_step(step, until_s=self.clock.now_s() + CLAIM_S):
            return True
        try:
            self.steps.make(step)
        except Exception as error:  # one task that cannot be made must not hold up the others
            if not isinstance(error, LabelStudioUnavailable):
                self.ledger.release_step(step)
            return self._failed(step, error)
        return True

    def _failed(self, step: Step, error: Exception) -> bool:
        """Records the next try. The claim of a request that may have been executed stays until it ends."""
        now_s = self.clock.now_s()
        earlier = self.failures.failed_try(FailureKind.ROUTE, step.name)
        before = earlier or FailedTry(FailureKind.ROUTE, step.name, step.task or step.item)
        failed = failed_again(before, error, now_s=now_s, random=self.random())
        self.failures.record_failure(failed)
        unforeseen = None if isinstance(error, MaskletError) else error
        logger.warning("%s: %s; %s", step.name, failed.reason, outlook(failed, now_s), exc_info=unforeseen)
        return not isinstance(error, ServiceUnavailable)
