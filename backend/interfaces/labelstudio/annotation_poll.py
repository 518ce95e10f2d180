"""Polling of Label Studio for submitted annotations, for projects whose webhooks do not arrive.

Label Studio refuses webhooks to private addresses by default. A project is polled until one of its webhooks arrives,
and again after one failed to arrive. A poll reads at most MAX_TASKS tasks and stores its position in the key-value
store, so a restart continues there. The wait between polls grows while nothing is submitted.

A task whose annotation cannot be read is no obstacle to the others: the ledger has it as a failed adoption, which is
tried again later.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from backend.adapters.labelstudio.api.client import ChangedTask
from backend.application.annotation.change_detection import (
    EPOCH,
    ChangeSource,
    change_source_of,
    change_sources,
    poll_position_name,
    projects_of,
    record_poll_result,
)
from backend.application.jobs.retry import failed_again, outlook
from backend.application.ports.clock import Clock
from backend.application.ports.key_value import KeyValueStore
from backend.domain.errors import MaskletError, ServiceUnavailable
from backend.domain.jobs import Job
from backend.domain.retries import FailedTry, FailureKind
from backend.domain.tasks import TaskKey
from backend.interfaces.labelstudio.annotations import AnnotationSync, ChangeHint

logger = logging.getLogger(__name__)

MIN_WAIT_S = 5.0
MAX_WAIT_S = 60.0
MAX_TASKS = 50

CLOCK_DIFFERENCE_S = 600.0
"""How far Label Studio's clock may be behind this machine's."""

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class ChangeReader(Protocol):
    """Lists changed tasks of Label Studio."""

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> tuple[ChangedTask, ...]:
        """Raises LabelStudioUnavailable, LabelStudioRefused or NotFound."""
        ...


@dataclass(frozen=True, slots=True)
class PollPosition:
    """How far a project has been polled: the last change's time, and the tasks of that very time."""

    updated_at: str
    task_ids: frozenset[int] = frozenset()

    @classmethod
    def of(cls, text: str) -> PollPosition:
        updated_at, _, listed = text.partition(" ")
        return cls(updated_at, frozenset(int(task_id) for task_id in listed.split(",") if task_id))

    @property
    def text(self) -> str:
        return f"{self.updated_at} {','.join(map(str, sorted(self.task_ids)))}".rstrip()

    def has_passed(self, task: ChangedTask) -> bool:
        return task.updated_at == self.updated_at and task.key.task_id in self.task_ids

    def after(self, task: ChangedTask) -> PollPosition:
        """The position when this task was polled."""
        same_time = self.task_ids if task.updated_at == self.updated_at else frozenset()
        return PollPosition(task.updated_at, same_time | {task.key.task_id})


@dataclass(slots=True)
class PollSchedule:
    """A project's next poll on the monotonic clock, and the last wait, both in seconds."""

    next_s: float = float("-inf")
    wait_s: float = MIN_WAIT_S


@dataclass(frozen=True, slots=True)
class AnnotationPoll:
    """Polls every connected project. `sweep` may be called at any rate."""

    sync: AnnotationSync
    changes: ChangeReader
    key_values: KeyValueStore
    clock: Clock
    schedules: dict[int, PollSchedule] = field(default_factory=dict)
    change_sources: dict[str, str] = field(default_factory=dict)
    """Change source by project id, webhook or poll, as of the last sweep."""

    random: Callable[[], float] = random.random
    """0 to 1: shortens the waits of failed adoptions."""

    def sweep(self) -> None:
        """Polls the projects that are due. An unreachable Label Studio is polled again later."""
        self.read_sources()
        can_adopt = self.sync.models.announced() is not None  # without a worker nothing can be
        if can_adopt:
            self._retry_adoptions()
        for project_id in projects_of(self.key_values):
            if not can_adopt and self.key_values.read(poll_position_name(project_id)) is not None:
                continue
            schedule = self.schedules.setdefault(project_id, PollSchedule())
            if self.clock.monotonic_s() >= schedule.next_s:
                found = self._poll_project(project_id)
                schedule.wait_s = MIN_WAIT_S if found else min(schedule.wait_s * 2, MAX_WAIT_S)
                schedule.next_s = self.clock.monotonic_s() + schedule.wait_s

    def read_sources(self) -> None:
        """Reads the change sources, also while another process polls."""
        self.change_sources.update(change_sources(self.key_values))

    def _poll_project(self, project_id: int) -> bool:
        """Whether anything was submitted since the last poll. Logs all errors, raises none."""
        stored = self.key_values.read(poll_position_name(project_id))
        try:
            if stored is None:
                self._set_start(project_id)
                return False
            position = PollPosition.of(stored.decode())
            limit = MAX_TASKS + len(position.task_ids)
            changed = self.changes.changed_tasks(project_id, since=position.updated_at, limit=limit)
            return self._adopt_all(project_id, position, [task for task in changed if not position.has_passed(task)])
        except MaskletError as error:
            logger.warning("project %d: its annotations cannot be polled: %s", project_id, error)
            return False
        except Exception:  # one project's error must not end the loop
            logger.exception("project %d: its annotations cannot be polled", project_id)
            return False

    def _set_start(self, project_id: int) -> None:
        """Stores the start position: annotations submitted before the first poll are not adopted.

        If Label Studio does not answer, those that are submitted until it does count as later ones. The time is this
        machine's then. Raises what the reader raises.
        """
        at = _written(self.clock.now_s() - CLOCK_DIFFERENCE_S)
        try:
            newest = self.changes.changed_tasks(project_id, since="", limit=1)
            at = _just_after(newest[0].updated_at) if newest else EPOCH
        finally:
            self.key_values.write(poll_position_name(project_id), PollPosition(at).text.encode())

    def _adopt_all(self, project_id: int, position: PollPosition, changed: Sequence[ChangedTask]) -> bool:
        """Whether any changed task led to a job. Ends at a service that does not answer: it fails the others too."""
        found = False
        for task in changed:
            job, is_outage = self._adopt(task.key)
            position = position.after(task)
            self.key_values.write(poll_position_name(project_id), position.text.encode())
            if job is not None:
                found = True
                self._note_found(project_id, task.key)
            if is_outage:
                break
        return found

    def _note_found(self, project_id: int, task: TaskKey) -> None:
        if change_source_of(self.key_values, project_id) is ChangeSource.WEBHOOK:
            logger.warning("project %d: no webhook arrived for task %s; the project is polled again", project_id, task)
            record_poll_result(self.key_values, project_id)

    def _retry_adoptions(self) -> None:
        """Adopts the tasks whose adoption failed earlier and that are due."""
        now_s = self.clock.now_s()
        for failed in self.sync.service.ledger.failed_tries(kind=FailureKind.ADOPTION, limit=MAX_TASKS):
            if failed.next_try_s > now_s or failed.is_given_up:
                continue
            if self._adopt(failed.task)[1]:
                break

    def _adopt(self, task: TaskKey) -> tuple[Job | None, bool]:
        """The new job, if any, and whether a service does not answer. A failure is recorded for a later try."""
        ledger = self.sync.service.ledger
        earlier = ledger.failed_try(FailureKind.ADOPTION, str(task))
        try:
            job = self.sync.adopt(ChangeHint(task))
        except Exception as error:  # one task that cannot be read must not hold up the others
            ledger.record_failure(self._failed(task, earlier, error))
            return None, isinstance(error, ServiceUnavailable)
        if earlier is not None:
            ledger.remove_failure(FailureKind.ADOPTION, str(task))
        return job, False

    def _failed(self, task: TaskKey, earlier: FailedTry | None, error: Exception) -> FailedTry:
        """The failed adoption. Tried again without an end while a service does not answer, for a day otherwise."""
        now_s = self.clock.now_s()
        before = earlier or FailedTry(FailureKind.ADOPTION, str(task), task)
        failed = failed_again(before, error, now_s=now_s, random=self.random())
        unforeseen = None if isinstance(error, MaskletError) else error
        then = outlook(failed, now_s)
        logger.warning("task %s is not adopted: %s; %s", task, failed.reason, then, exc_info=unforeseen)
        return failed


def _written(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime(TIME_FORMAT)


def _just_after(updated_at: str) -> str:
    """A microsecond later, the resolution of these times."""
    return (datetime.strptime(updated_at, TIME_FORMAT) + timedelta(microseconds=1)).strftime(TIME_FORMAT)
