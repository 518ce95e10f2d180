"""Annotations that were submitted where no webhook tells of them: Label Studio is asked, now and then.

Label Studio refuses webhooks to private addresses unless it is set up otherwise, so a project is polled until a
webhook of it came in, and again if one failed to come. A poll reads at most so many tasks, keeps its place in the
notes, so that a restart goes on where it was, and waits longer the longer nothing happens.
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
    place_name,
    projects_of,
    record_poll_result,
)
from backend.application.ports.clock import Clock
from backend.application.ports.key_value import KeyValueStore
from backend.domain.errors import LabelStudioUnavailable, MaskletError, ServiceUnavailable
from backend.interfaces.labelstudio.annotations import AnnotationSync, ChangeHint

logger = logging.getLogger(__name__)

SHORTEST_WAIT_S = 5.0
LONGEST_WAIT_S = 60.0
MOST_TASKS = 50
LONG_AGO = "1970-01-01T00:00:00.000000Z"


class ChangeReader(Protocol):
    """Label Studio, as far as saying what changed goes."""

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> tuple[ChangedTask, ...]:
        """Raises LabelStudioUnavailable, LabelStudioRefused or NotFound."""
        ...


@dataclass(slots=True)
class PollTurn:
    """When a project is asked about next, and how long was waited for it."""

    next_s: float = float("-inf")
    wait_s: float = SHORTEST_WAIT_S


@dataclass(frozen=True, slots=True)
class AnnotationPoll:
    """Asks about every project that Masklet is connected to. Call `sweep` as often as you like."""

    adopter: AnnotationSync
    changes: ChangeReader
    notes: KeyValueStore
    clock: Clock
    turns: dict[int, PollTurn] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    """For each project, how it is learned that its annotations changed: as of the last sweep."""

    def sweep(self) -> None:
        """Ask about the projects whose turn it is. A Label Studio that is away is asked again later."""
        self.told.update(change_sources(self.notes))
        for project_id in projects_of(self.notes):
            turn = self.turns.setdefault(project_id, PollTurn())
            if self.clock.monotonic_s() >= turn.next_s:
                found = self._ask(project_id)
                turn.wait_s = SHORTEST_WAIT_S if found else min(turn.wait_s * 2, LONGEST_WAIT_S)
                turn.next_s = self.clock.monotonic_s() + turn.wait_s

    def _ask(self, project_id: int) -> bool:
        """Whether anything was submitted since. Never raises what Label Studio gives reason for."""
        place = self.notes.read(place_name(project_id))
        try:
            if place is None:
                self._begin(project_id)
                return False
            changed = self.changes.changed_tasks(project_id, since=place.decode(), limit=MOST_TASKS)
            return self._adopt_all(project_id, changed)
        except MaskletError as error:
            logger.warning("project %d: its annotations cannot be polled: %s", project_id, error)
            return False
        except Exception:  # the loop goes on, whatever one project's answer was like
            logger.exception("project %d: its annotations cannot be polled", project_id)
            return False

    def _adopt_all(self, project_id: int, changed: Iterable[ChangedTask]) -> bool:
        """Whether there was any news among the changed tasks. Raises what asking again later may put right."""
        found = False
        for task in changed:
            found = self._adopt(project_id, task) or found
        return found

    def _begin(self, project_id: int) -> None:
        """What was there before is not news: only what is submitted from now on is taken up."""
        newest = self.changes.changed_tasks(project_id, since="", limit=1)
        self.notes.write(place_name(project_id), (newest[0].updated_at if newest else LONG_AGO).encode())

    def _adopt(self, project_id: int, task: ChangedTask) -> bool:
        job = None
        try:
            job = self.adopter.adopt(ChangeHint(task.key))
        except (LabelStudioUnavailable, ServiceUnavailable):
            raise
        except MaskletError as error:
            logger.warning("task %s is not adopted: %s: %s", task.key, type(error).__name__, error)
        self.notes.write(place_name(project_id), task.updated_at.encode())
        if job is not None and change_source_of(self.notes, project_id) is ChangeSource.WEBHOOK:
            logger.warning("project %d: no webhook told of task %s; it is polled again", project_id, task.key)
            record_poll_result(self.notes, project_id)
        return job is not None
