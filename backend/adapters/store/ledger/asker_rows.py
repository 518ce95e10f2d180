"""Rows of users whose request of a propagation equals that of another user: one job answers both."""

from __future__ import annotations

from sqlalchemy import Connection, and_, insert, select, update

from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.tables import askers, jobs
from backend.codecs.request_json import Request
from backend.domain.jobs import Job, JobKind, JobState
from backend.domain.tasks import TaskKey, user_of_both


def join(connection: Connection, known: Job, kind: JobKind, request: Request, *, now_s: float) -> None:
    """Record another request of a job that is there. The caller holds the ledger's sequence."""
    of_job = update(jobs).where(jobs.c.job_id == known.job_id)
    if kind is JobKind.PROPAGATE and known.user != request.user:
        _note(connection, known.job_id, request)
    if not known.state.is_final:
        connection.execute(of_job.values(user_name=user_of_both(known.user, request.user)))
    if known.state is JobState.DONE:  # still of use: it must not count as old
        connection.execute(of_job.values(updated_s=now_s))


def _note(connection: Connection, job_id: str, request: Request) -> None:
    known = select(askers.c.job_id).where(and_(askers.c.job_id == job_id, askers.c.user_name == request.user))
    if connection.scalar(known) is None:
        task = {"project_id": request.task.project_id, "task_id": request.task.task_id}
        connection.execute(insert(askers).values(job_id=job_id, user_name=request.user, **task))


class AskerRows(Rows):
    """The Ledger port's method on such users."""

    def jobs_also_of(self, task: TaskKey, *, user: str) -> frozenset[str]:
        of_user = and_(
            askers.c.project_id == task.project_id, askers.c.task_id == task.task_id, askers.c.user_name == user
        )
        with self._database.read() as connection:
            return frozenset(connection.scalars(select(askers.c.job_id).where(of_user)))
