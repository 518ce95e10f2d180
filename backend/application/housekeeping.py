"""Letting go of what nobody needs any more: old jobs, their masks, and all that is known of deleted tasks.

What is kept however old it is: the newest finished propagation of a task by each model, for corrections and the next
annotator go on from it; what a prediction was made from; every prompt of a task that is there. Everything else can be
made again by asking again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from backend.application.ports import Clock, Ledger, MaskStore, TaskDirectory
from backend.application.requests import TaskKey
from backend.domain.errors import MaskletError

logger = logging.getLogger(__name__)

EVERY_S = 3600.0
TASKS_AT_ONCE = 50
JOBS_AT_ONCE = 500


@dataclass(slots=True)
class Housekeeper:
    """tasks: None where no Label Studio is set, which could say whether a task is still there."""

    ledger: Ledger
    masks: MaskStore
    clock: Clock
    tasks: TaskDirectory | None
    retention_s: float
    next_s: float = float("-inf")
    asked: TaskKey | None = None

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
        quiet = self.ledger.quiet_tasks(before_s, after=self.asked, limit=TASKS_AT_ONCE)
        self.asked = quiet[-1] if len(quiet) == TASKS_AT_ONCE else None
        try:
            gone = [task for task in quiet if not self.tasks.exists(task)]
            if gone and not self._sees_tasks(self.tasks):
                logger.warning("Label Studio shows none of our tasks: %s and others are kept", gone[0])
                return 0
        except MaskletError as error:
            logger.warning("whether old tasks are still there is not known: %s", error)
            return 0
        for task in gone:
            logger.info("task %s is gone from Label Studio; so are its prompts and masks here", task)
        return sum(len(self.ledger.forget_task(task)) for task in gone)

    def _sees_tasks(self, tasks: TaskDirectory) -> bool:
        """Whether Label Studio knows the task that was worked on last: with a wrong token all tasks seem gone."""
        return any(tasks.exists(job.task) for job in self.ledger.jobs(limit=1))

    def _remove_masks_of_nobody(self, before_s: float) -> int:
        """Remove runs, untouched for that long, whose job the ledger has forgotten."""
        runs = {run: run.rpartition("-a")[0] for run in self.masks.idle_runs(before_s)}
        known = self.ledger.known(frozenset(runs.values()))
        orphans = [run for run, job_id in runs.items() if job_id not in known]
        for run in orphans:
            self.masks.remove(run)
        return len(orphans)
