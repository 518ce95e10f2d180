"""RQ's way in: the one callable that an entry of the queue may name.

RQ imports it by its dotted path inside the worker process, where bootstrap has put the workbench.
"""

from __future__ import annotations

from backend.bootstrap.worker import runtime


def run_job(job_id: str, attempt: int) -> str:
    """Do one attempt at a job and return the state it ended in.

    Never raises for a job that fails: the ledger holds the reason, and RQ has nothing to decide.
    """
    return str(runtime().run(job_id, attempt).state)
