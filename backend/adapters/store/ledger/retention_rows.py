"""Retention: removal of old jobs, and of all rows of deleted tasks."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Column, Connection, and_, delete, func, select, tuple_, union

from backend.adapters.store.ledger.crowd_tables import consensus, effort, gold, measurements, orders, run_summaries
from backend.adapters.store.ledger.database import next_sequence
from backend.adapters.store.ledger.job_queries import IS_SESSION, OPEN
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.tables import (
    annotation_writes,
    askers,
    failures,
    jobs,
    labels,
    prompts,
    pushes,
    verdicts,
)
from backend.domain.jobs import JobKind, JobState
from backend.domain.tasks import TaskKey

AT_ONCE = 500
"""Names in one statement: SQLite takes some thousand parameters."""

_OF_TASKS = (
    jobs,
    prompts,
    labels,
    pushes,
    failures,
    annotation_writes,
    askers,
    verdicts,
    measurements,
    gold,
    consensus,
    effort,
    run_summaries,
    orders,
)
"""The tables with rows of tasks."""

_WITH_TASKS = (jobs, prompts, verdicts, measurements, consensus)
"""The tables whose tasks are looked up in Label Studio. Gold may name a task that is not made yet."""


class RetentionRows(Rows):
    """The Ledger port's methods that find or forget what is old."""

    def prune(self, before_s: float, *, limit: int) -> tuple[str, ...]:
        with self._database.write() as connection:
            next_sequence(connection)  # a job that is asked for again meanwhile must not go
            newest = (
                select(func.max(jobs.c.sequence))
                .where(
                    jobs.c.kind == str(JobKind.PROPAGATE),
                    jobs.c.state == str(JobState.DONE),
                    ~IS_SESSION,
                )
                .group_by(jobs.c.project_id, jobs.c.task_id, jobs.c.model_version)
            )
            going = (
                select(jobs.c.job_id)
                .where(
                    jobs.c.state.not_in(OPEN),
                    jobs.c.updated_s < before_s,
                    jobs.c.sequence.not_in(newest),
                    jobs.c.job_id.not_in(select(pushes.c.job_id)),
                )
                .order_by(jobs.c.sequence)
                .limit(min(limit, AT_ONCE))
            )
            job_ids = tuple(connection.scalars(going))
            if job_ids:
                connection.execute(delete(jobs).where(jobs.c.job_id.in_(job_ids)))
                connection.execute(delete(askers).where(askers.c.job_id.in_(job_ids)))
            return job_ids

    def inactive_tasks(self, before_s: float, *, after: TaskKey | None, limit: int) -> tuple[TaskKey, ...]:
        with self._database.read() as connection:
            everything = union(*(select(table.c.project_id, table.c.task_id) for table in _WITH_TASKS))
            some = everything.subquery()
            key = tuple_(some.c.project_id, some.c.task_id)
            busy = select(jobs.c.project_id, jobs.c.task_id).where(jobs.c.updated_s >= before_s)
            query = select(some.c.project_id, some.c.task_id).where(key.not_in(busy))
            if after is not None:
                query = query.where(key > tuple_(after.project_id, after.task_id))
            rows = connection.execute(query.order_by(some.c.project_id, some.c.task_id).limit(limit))
            return tuple(TaskKey(project_id, task_id) for project_id, task_id in rows)

    def forget_task(self, task: TaskKey) -> tuple[str, ...]:
        with self._database.write() as connection:
            next_sequence(connection)
            of_task = and_(jobs.c.project_id == task.project_id, jobs.c.task_id == task.task_id)
            if connection.scalar(select(jobs.c.job_id).where(of_task, jobs.c.state.in_(OPEN)).limit(1)) is not None:
                return ()
            job_ids = tuple(connection.scalars(select(jobs.c.job_id).where(of_task)))
            for table in _OF_TASKS:
                connection.execute(
                    delete(table).where(table.c.project_id == task.project_id, table.c.task_id == task.task_id)
                )
            return job_ids

    def known_jobs(self, job_ids: Collection[str]) -> frozenset[str]:
        with self._database.read() as connection:
            return present(connection, jobs.c.job_id, job_ids)


def present(connection: Connection, column: Column[str], values: Collection[str]) -> frozenset[str]:
    """The values among these that the column has."""
    listed = list(values)
    found: set[str] = set()
    for start in range(0, len(listed), AT_ONCE):
        found.update(connection.scalars(select(column).where(column.in_(listed[start : start + AT_ONCE]))))
    return frozenset(found)
