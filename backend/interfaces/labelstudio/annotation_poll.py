"""Polling of Label Studio for submitted annotations, for projects whose webhooks do not arrive.

Label Studio refuses webhooks to private addresses by default. A project is polled until one of its webhooks arrives,
and again after one failed to arrive. A poll reads at most MAX_TASKS tasks and stores its position in the key-value
store, so a restart continues there. The wait between polls grows while nothing is submitted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from backend.adapters.labelstudio.api.client import ChangedTask
from backend.application.annotation.change_detection import (
    ChangeSource,
    change_source_of,
    change_sources,
    poll_position_name,
    projects_of,
    record_poll_result,
)
from backend.application.ports.clock import Clock
from backend.application.ports.key_value import KeyValueStore
from backend.domain.errors import LabelStudioUnavailable, MaskletError, ServiceUnavailable
from backend.interfaces.labelstudio.annotations import AnnotationSync, ChangeHint

logger = logging.getLogger(__name__)

MIN_WAIT_S = 5.0
MAX_WAIT_S = 60.0
MAX_TASKS = 50
EPOCH = "1970-01-01T00:00:00.000000Z"


class ChangeReader(Protocol):
    """Lists changed tasks of Label Studio."""

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> tuple[ChangedTask, ...]:
        """Raises LabelStudioUnavailable, LabelStudioRefused or NotFound."""
        ...


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

    def sweep(self) -> None:
        """Polls the projects that are due. An unreachable Label Studio is polled again later."""
        self.change_sources.update(change_sources(self.key_values))
        for project_id in projects_of(self.key_values):
            schedule = self.schedules.setdefault(project_id, PollSchedule())
            if self.clock.monotonic_s() >= schedule.next_s:
                found = self._poll_project(project_id)
                schedule.wait_s = MIN_WAIT_S if found else min(schedule.wait_s * 2, MAX_WAIT_S)
                schedule.next_s = self.clock.monotonic_s() + schedule.wait_s

    def _poll_project(self, project_id: int) -> bool:
        """Whether anything was submitted since the last poll. Logs all errors, raises none."""
        position = self.key_values.read(poll_position_name(project_id))
        try:
            if position is None:
                self._set_start(project_id)
                return False
            changed = self.changes.changed_tasks(project_id, since=position.decode(), limit=MAX_TASKS)
            return self._adopt_all(project_id, changed)
        except MaskletError as error:
            logger.warning("project %d: its annotations cannot be polled: %s", project_id, error)
            return False
        except Exception:  # one project's error must not end the loop
            logger.exception("project %d: its annotations cannot be polled", project_id)
            return False

    def _adopt_all(self, project_id: int, changed: Iterable[ChangedTask]) -> bool:
        """Whether any changed task led to a job. Raises errors that a later poll may not meet."""
        found = False
        for task in changed:
            found = self._adopt(project_id, task) or found
        return found

    def _set_start(self, project_id: int) -> None:
        """Stores the start position: annotations submitted before the first poll are not adopted."""
        newest = self.changes.changed_tasks(project_id, since="", limit=1)
        self.key_values.write(poll_position_name(project_id), (newest[0].updated_at if newest else EPOCH).encode())

    def _adopt(self, project_id: int, task: ChangedTask) -> bool:
        job = None
        try:
            job = self.sync.adopt(ChangeHint(task.key))
        except (LabelStudioUnavailable, ServiceUnavailable):
            raise
        except MaskletError as error:
            logger.warning("task %s is not adopted: %s: %s", task.key, type(error).__name__, error)
        self.key_values.write(poll_position_name(project_id), task.updated_at.encode())
        if job is not None and change_source_of(self.key_values, project_id) is ChangeSource.WEBHOOK:
            logger.warning(
                "project %d: no webhook arrived for task %s; the project is polled again", project_id, task.key
            )
            record_poll_result(self.key_values, project_id)
        return job is not None
