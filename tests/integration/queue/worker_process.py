"""A worker process for the tests: the real worker and ledger, and a job that only sleeps.

python worker_process.py QUEUE_URL LEDGER_URL KIND NAME. A job makes `task_id` steps of 20 ms; a negative
project_id selects a failing job.
"""

from __future__ import annotations

import os
import sys
import time
import types

from backend.adapters.queue.rq_worker import MaskletWorker
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.domain.jobs import JobKind, JobState
from tests.integration.queue.clock import SystemClock

RAISES, EXITS, SEGFAULTS = -1, -2, -3


def run_job(ledger: SqlLedger, worker: MaskletWorker, job_id: str, attempt: int) -> None:
    job = ledger.start(job_id, attempt, worker.name)
    if job is None:
        return
    if job.task.project_id == RAISES:
        raise RuntimeError("the job broke")
    if job.task.project_id == EXITS:
        sys.exit("the job exits")
    if job.task.project_id == SEGFAULTS:
        os.abort()
    for step in range(job.task.task_id):
        if worker.is_stopping():
            ledger.requeue(job_id, attempt, reason="Interrupted: the worker is stopping", max_attempts=99)
            return
        if ledger.progress(job_id, attempt, step, job.task.task_id) is not JobState.RUNNING:
            return
        time.sleep(0.02)
    ledger.finish(job_id, attempt, JobState.DONE, masks_run=f"{job_id}-a{attempt}", push=True)


def main(url: str, ledger_url: str, kind: str, name: str) -> None:
    ledger = open_ledger(ledger_url, SystemClock())
    worker = MaskletWorker(url, JobKind(kind), name=name)
    entry = types.ModuleType("backend.interfaces.worker")
    setattr(entry, "run_job", lambda job_id, attempt: run_job(ledger, worker, job_id, attempt))  # noqa: B010
    sys.modules["backend.interfaces.worker"] = entry
    worker.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
