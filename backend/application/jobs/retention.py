"""Retention: deletes old jobs, their masks, and all data of deleted tasks.

The values of a task in the key-value store are deleted with the task.

Kept at any age: the newest finished propagation of each task and model, which later corrections reuse; the job of a
prediction; the masks written last into an annotation; every prompt of an existing task. Everything else can be made
again by a new request.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass

from backend.application.ports.clock import Clock
from backend.application.ports.key_value import KeyValueStore, forget_task, stored_tasks
from backend.application.ports.label_studio import TaskDirectory
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskStore
from backend.domain.errors import MaskletError, ServiceUnavailable
from backend.domain.tasks import TaskKey

logger = logging.getLogger(__name__)

EVERY_S = 3600.0
TASKS_AT_ONCE = 50
JOBS_AT_ONCE = 500
VALUES_AT_ONCE = 500
"""The most tasks with stored values that one round looks up in the ledger."""


@dataclass(slots=True)
class Housekeeper:
    """Runs retention. tasks: None without a Label Studio, which knows whether a task exists."""

    ledger: Ledger
    masks: MaskStore
    clock: Clock
    tasks: TaskDirectory | None
    retention_s: float
    key_values: KeyValueStore
    next_s: float = float("-inf")
    last_checked: TaskKey | None = None
    last_with_values: TaskKey | None = None

    def sweep(self) -> None:
        """One round, at most every EVERY_S. Does not raise if Label Studio is unreachable."""
        now_s = self.clock.monotonic_s()
        if now_s < self.next_s:
            return
        self.next_s = now_s + EVERY_S
        before_s = self.clock.now_s() - self.retention_s
        forgotten = len(self.ledger.prune(before_s, limit=JOBS_AT_ONCE))
        forgotten += self._forget_deleted_tasks(before_s)
        removed = self._remove_orphaned_runs(before_s)
        if forgotten or removed:
            logger.info("forgot %d old jobs and removed %d runs of masks", forgotten, removed)

    def _forget_deleted_tasks(self, before_s: float) -> int:
        """Deletes those of the next inactive tasks that Label Studio no longer has; returns the deleted job count."""
        if self.tasks is None:
            return 0
        inactive = self.ledger.inactive_tasks(before_s, after=self.last_checked, limit=TASKS_AT_ONCE)
        self.last_checked = inactive[-1] if len(inactive) == TASKS_AT_ONCE else None
        with_values = self._with_values_only(inactive)
        try:
            gone = [task for task in (*inactive, *with_values) if not self.tasks.exists(task)]
            if gone and not self._sees_tasks(self.tasks):
                logger.warning("Label Studio shows none of our tasks: %s and others are kept", gone[0])
                return 0
        except MaskletError as error:
            logger.warning("whether old tasks are still there is not known: %s", error)
            return 0
        for task in gone:
            logger.info("task %s is gone from Label Studio; so are its prompts, masks and other data here", task)
            forget_task(self.key_values, task)
        return sum(len(self.ledger.forget_task(task)) for task in gone)

    def _with_values_only(self, others: Collection[TaskKey]) -> list[TaskKey]:
        """The next tasks with stored values and without jobs."""
        key = _sort_key(self.last_with_values)
        after = [task for task in stored_tasks(self.key_values) if _sort_key(task) > key]
        some = after[:VALUES_AT_ONCE]
        alone = [task for task in some if task not in others and not self.ledger.jobs(task=task, limit=1)]
        if len(alone) > TASKS_AT_ONCE:
            alone = alone[:TASKS_AT_ONCE]
            self.last_with_values = alone[-1]
        else:
            self.last_with_values = some[-1] if len(after) > len(some) else None
        return alone

    def _sees_tasks(self, tasks: TaskDirectory) -> bool:
        """Whether Label Studio knows the task of the newest job: with a wrong token, all tasks seem deleted."""
        return any(tasks.exists(job.task) for job in self.ledger.jobs(limit=1))

    def _remove_orphaned_runs(self, before_s: float) -> int:
        """Removes runs without a write since before_s of which the ledger has neither the job nor an annotation."""
        try:
            runs = {run: run.rpartition("-a")[0] for run in self.masks.idle_runs(before_s)}
        except ServiceUnavailable as error:
            logger.warning("which masks are old is not known: %s", error)
            return 0
        known = self.ledger.known_jobs(frozenset(runs.values()))
        orphans = [run for run, job_id in runs.items() if job_id not in known]
        written = self.ledger.annotation_runs(orphans)
        orphans = [run for run in orphans if run not in written]
        for run in orphans:
            self.masks.remove(run)
        return len(orphans)


def _sort_key(task: TaskKey | None) -> tuple[int, int]:
    return (-1, -1) if task is None else (task.project_id, task.task_id)
