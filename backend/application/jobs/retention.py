"""Letting go of what nobody needs any more: old jobs, their masks, and all that is known of deleted tasks.

Notes go with their task: what a canvas was shown, when it was reset, what was taken up of it.

What is kept however old it is: the newest finished propagation of a task by each model, for corrections and the next
annotator go on from it; what a prediction was made from; every prompt of a task that is there. Everything else can be
made again by asking again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field

from backend.application.ports.clock import Clock
from backend.application.ports.key_value import KeyValueStore, MemoryKeyValueStore, forget_task, stored_tasks
from backend.application.ports.label_studio import TaskDirectory
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskStore
from backend.domain.errors import MaskletError
from backend.domain.tasks import TaskKey

logger = logging.getLogger(__name__)

EVERY_S = 3600.0
TASKS_AT_ONCE = 50
JOBS_AT_ONCE = 500
NOTED_AT_ONCE = 500
"""Tasks with notes of which it is looked up whether the ledger still has anything of them."""


@dataclass(slots=True)
class Housekeeper:
    """tasks: None where no Label Studio is set, which could say whether a task is still there."""

    ledger: Ledger
    masks: MaskStore
    clock: Clock
    tasks: TaskDirectory | None
    retention_s: float
    notes: KeyValueStore = field(default_factory=MemoryKeyValueStore)
    next_s: float = float("-inf")
    asked: TaskKey | None = None
    asked_noted: TaskKey | None = None

    def sweep(self) -> None:
        """One round, at most every hour. Raises nothing for a Label Studio that is away."""
        now_s = self.clock.monotonic_s()
        if now_s < self.next_s:
            return
        self.next_s = now_s + EVERY_S
        before_s = self.clock.now_s() - self.retention_s
        forgotten = len(self.ledger.prune(before_s, limit=JOBS_AT_ONCE))
        forgotten += self._forget_deleted_tasks(before_s)
        removed = self._remove_masks_of_nobody(before_s)
        if forgotten or removed:
            logger.info("forgot %d old jobs and removed %d runs of masks", forgotten, removed)

    def _forget_deleted_tasks(self, before_s: float) -> int:
        """Ask after some tasks that have been quiet, each time after the next ones; how many jobs that cost."""
        if self.tasks is None:
            return 0
        quiet = self.ledger.inactive_tasks(before_s, after=self.asked, limit=TASKS_AT_ONCE)
        self.asked = quiet[-1] if len(quiet) == TASKS_AT_ONCE else None
        noted = self._with_notes_alone(quiet)
        try:
            gone = [task for task in (*quiet, *noted) if not self.tasks.exists(task)]
            if gone and not self._sees_tasks(self.tasks):
                logger.warning("Label Studio shows none of our tasks: %s and others are kept", gone[0])
                return 0
        except MaskletError as error:
            logger.warning("whether old tasks are still there is not known: %s", error)
            return 0
        for task in gone:
            logger.info("task %s is gone from Label Studio; so are its prompts, masks and notes here", task)
            forget_task(self.notes, task)
        return sum(len(self.ledger.forget_task(task)) for task in gone)

    def _with_notes_alone(self, others: Collection[TaskKey]) -> list[TaskKey]:
        """Some tasks of which there are notes and no jobs (those were forgotten), each time the next ones."""
        key = _place_of(self.asked_noted)
        after = [task for task in stored_tasks(self.notes) if _place_of(task) > key]
        some = after[:NOTED_AT_ONCE]
        alone = [task for task in some if task not in others and not self.ledger.jobs(task=task, limit=1)]
        if len(alone) > TASKS_AT_ONCE:
            alone = alone[:TASKS_AT_ONCE]
            self.asked_noted = alone[-1]
        else:
            self.asked_noted = some[-1] if len(after) > len(some) else None
        return alone

    def _sees_tasks(self, tasks: TaskDirectory) -> bool:
        """Whether Label Studio knows the task that was worked on last: with a wrong token all tasks seem gone."""
        return any(tasks.exists(job.task) for job in self.ledger.jobs(limit=1))

    def _remove_masks_of_nobody(self, before_s: float) -> int:
        """Remove runs, untouched for that long, whose job the ledger has forgotten."""
        runs = {run: run.rpartition("-a")[0] for run in self.masks.idle_runs(before_s)}
        known = self.ledger.known_jobs(frozenset(runs.values()))
        orphans = [run for run, job_id in runs.items() if job_id not in known]
        for run in orphans:
            self.masks.remove(run)
        return len(orphans)


def _place_of(task: TaskKey | None) -> tuple[int, int]:
    return (-1, -1) if task is None else (task.project_id, task.task_id)
