"""RQ's way in: the one callable that an entry of the queue may name.

RQ imports it by its dotted path inside the worker process, where bootstrap has put the workbench.
"""

from __future__ import annotations

from backend.bootstrap.training.worker import train_runtime
from backend.bootstrap.worker import runtime
from backend.domain.training.rows import TRAINING_PREFIX


def run_job(job_id: str, attempt: int) -> str:
    """Do one attempt at a job, or at a training, and return the state it ended in.

    Never raises for a job that fails: the ledger holds the reason, and RQ has nothing to decide. Raises RuntimeError
    for a training outside of a train worker: one that answers clicks never trains.
    """
    if job_id.startswith(TRAINING_PREFIX):
        return str(train_runtime().run(job_id, attempt).state)
    return str(runtime().run(job_id, attempt).state)
