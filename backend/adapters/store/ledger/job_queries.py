"""Rows of jobs as they are read."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Unpack

from sqlalchemy import Boolean, Connection, Integer, Row, Select, bindparam, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from backend.adapters.store.ledger.failure_rows import is_postponed
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.tables import jobs
from backend.application.ports.ledger import JobsWanted
from backend.codecs.request_json import Request, load_request, prompted_of_request
from backend.domain.errors import NotFound
from backend.domain.jobs import OPEN_STATES, SESSION_PREFIX, Job, JobKind, JobState
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex

OPEN = tuple(map(str, OPEN_STATES))
_BY_ID = select(jobs).where(jobs.c.job_id == bindparam("job_id"))
_REQUESTS = select(jobs.c.job_id, jobs.c.request).where(jobs.c.job_id.in_(bindparam("job_ids", expanding=True)))
IS_SESSION = jobs.c.job_id.like(f"{SESSION_PREFIX}%")
_CONDITIONS: Mapping[str, ColumnElement[bool]] = {
    "of_project": jobs.c.project_id == bindparam("of_project"),
    "of_task": jobs.c.task_id == bindparam("of_task"),
    "project_id": jobs.c.project_id == bindparam("project_id"),
    "kind": jobs.c.kind == bindparam("kind"),
    "model_version": jobs.c.model_version == bindparam("model_version"),
    "worker": jobs.c.worker == bindparam("worker"),
    "states": jobs.c.state.in_(bindparam("states", expanding=True)),
    "sessions": bindparam("sessions", type_=Boolean) == IS_SESSION,
    "active_since_s": or_(jobs.c.state.in_(OPEN), jobs.c.updated_s >= bindparam("active_since_s")),
}
"""The conditions of JobsWanted, by the name of their parameter. A task is two: its project's number and its own."""

_WITHOUT_REQUEST = [column for column in jobs.c if column.name != "request"]
_QUEUED = select(jobs.c.kind, func.count()).where(jobs.c.state == str(JobState.QUEUED))


class JobQueries(Rows):
    """The Ledger port's methods that only read jobs."""

    def job(self, job_id: str) -> Job:
        with self._database.read() as connection:
            return get(connection, job_id)

    def request(self, job_id: str) -> Request:
        with self._database.read() as connection:
            return load_request(known_row(connection, job_id).request)

    def prompted(self, job_ids: Collection[str]) -> Mapping[str, Collection[tuple[ObjectId, FrameIndex]]]:
        with self._database.read() as connection:
            rows = connection.execute(_REQUESTS, {"job_ids": list(job_ids)})
            return {row.job_id: prompted_of_request(row.request) for row in rows}

    def jobs(self, *, limit: int | None = None, **wanted: Unpack[JobsWanted]) -> tuple[Job, ...]:
        with self._database.read() as connection:
            values = _values(wanted)
            query = _finding(frozenset(values), limit is not None)
            found = connection.execute(query, values if limit is None else {**values, "most": limit})
            return tuple(job_of(row) for row in found)

    def newest_propagations(self, *, project_id: int | None = None, states: Sequence[JobState] = ()) -> tuple[Job, ...]:
        with self._database.read() as connection:
            values = _values({"project_id": project_id, "kind": JobKind.PROPAGATE, "states": states, "sessions": False})
            newest = (
                select(func.max(jobs.c.sequence))
                .where(*(_CONDITIONS[name] for name in sorted(values)))
                .group_by(jobs.c.project_id, jobs.c.task_id)
            )
            query = select(jobs).where(jobs.c.sequence.in_(newest)).order_by(jobs.c.project_id, jobs.c.task_id)
            return tuple(job_of(row) for row in connection.execute(query, values))

    def counts(self) -> Mapping[tuple[JobKind, JobState], int]:
        with self._database.read() as connection:
            rows = connection.execute(
                select(jobs.c.state, jobs.c.kind, func.count()).group_by(jobs.c.state, jobs.c.kind)
            )
            return {(JobKind(kind), JobState(state)): count for state, kind, count in rows}

    def queued_counts(self) -> Mapping[JobKind, int]:
        with self._database.read() as connection:
            queued = _QUEUED.where(~is_postponed(self._clock.now_s()))
            return {JobKind(kind): count for kind, count in connection.execute(queued.group_by(jobs.c.kind))}

    def queued_since(self) -> Mapping[JobKind, float]:
        with self._database.read() as connection:
            oldest = select(jobs.c.kind, func.min(jobs.c.updated_s)).where(
                jobs.c.state == str(JobState.QUEUED), ~is_postponed(self._clock.now_s())
            )
            return {JobKind(kind): since_s for kind, since_s in connection.execute(oldest.group_by(jobs.c.kind))}

    def stale_jobs(self, *, heartbeat_before_s: float, queued_before_s: float | None) -> tuple[Job, ...]:
        with self._database.read() as connection:
            stale: ColumnElement[bool] = (jobs.c.state == str(JobState.RUNNING)) & (
                jobs.c.heartbeat_s < heartbeat_before_s
            )
            if queued_before_s is not None:
                waiting = (
                    (jobs.c.state == str(JobState.QUEUED))
                    & (jobs.c.updated_s < queued_before_s)
                    & ~is_postponed(self._clock.now_s())
                )
                stale = or_(stale, waiting)
            rows = connection.execute(select(*_WITHOUT_REQUEST).where(stale).order_by(jobs.c.sequence))
            return tuple(job_of(row) for row in rows)


def _values(wanted: JobsWanted) -> dict[str, object]:
    """The values of the conditions that do not always hold, by the names of _CONDITIONS."""
    task, states = wanted.get("task"), wanted.get("states")
    values: dict[str, object] = {
        "of_project": None if task is None else task.project_id,
        "of_task": None if task is None else task.task_id,
        "project_id": wanted.get("project_id"),
        "kind": wanted.get("kind"),
        "model_version": wanted.get("model_version"),
        "worker": wanted.get("worker"),
        "states": [str(state) for state in states] if states else None,
        "sessions": wanted.get("sessions", None if task is None else False),
        "active_since_s": wanted.get("active_since_s"),
    }
    return {name: value for name, value in values.items() if value is not None}


@functools.cache
def _finding(names: frozenset[str], is_limited: bool) -> Select[tuple[object, ...]]:
    """The statement for these conditions: put together once, for that costs more than the answer."""
    query = select(jobs).where(*(_CONDITIONS[name] for name in sorted(names))).order_by(jobs.c.sequence.desc())
    return query.limit(bindparam("most", type_=Integer)) if is_limited else query


def get(connection: Connection, job_id: str) -> Job:
    """Raises NotFound."""
    return job_of(known_row(connection, job_id))


def find_row(connection: Connection, job_id: str) -> Row[tuple[object, ...]] | None:
    return connection.execute(_BY_ID, {"job_id": job_id}).one_or_none()


def known_row(connection: Connection, job_id: str) -> Row[tuple[object, ...]]:
    row = find_row(connection, job_id)
    if row is None:
        raise NotFound(f"there is no job {job_id[:60]!r}")
    return row


def job_of(row: Row[tuple[object, ...]]) -> Job:
    return Job(
        row.job_id,
        JobKind(row.kind),
        TaskKey(row.project_id, row.task_id),
        JobState(row.state),
        row.attempt,
        done=row.done,
        total=row.total,
        reason=row.reason,
        masks_run=row.masks_run,
        model_version=row.model_version,
        worker=row.worker,
        created_s=row.created_s,
        updated_s=row.updated_s,
        heartbeat_s=row.heartbeat_s,
        timings_s=json.loads(row.timings_s),
        user=row.user_name,
    )
