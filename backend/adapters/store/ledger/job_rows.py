"""Rows of jobs, and the steps a job may take.

Every step is one UPDATE whose WHERE names the attempt and the state it starts from: of two processes that try the
same step, one finds nothing to change.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Boolean, Connection, Integer, Row, Select, bindparam, func, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from backend.adapters.store.ledger import push_rows
from backend.adapters.store.ledger.codec import Request, dump_request, load_request
from backend.adapters.store.ledger.database import next_sequence
from backend.adapters.store.ledger.tables import jobs
from backend.application.ports.ledger import JobsWanted
from backend.domain.errors import NotFound
from backend.domain.jobs import SESSION_PREFIX, Job, JobKind, JobState, PropagationRequest, job_id_of
from backend.domain.tasks import TaskKey

OPEN = (str(JobState.QUEUED), str(JobState.RUNNING))
_BY_ID = select(jobs).where(jobs.c.job_id == bindparam("job_id"))
_STEP = update(jobs).where(
    jobs.c.job_id == bindparam("of_job"),
    jobs.c.attempt == bindparam("of_attempt"),
    jobs.c.state.in_(bindparam("of_states", expanding=True)),
)
REOPENS = (JobState.FAILED, JobState.CANCELLED, JobState.SUPERSEDED)
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


def submit(connection: Connection, kind: JobKind, request: Request, *, now_s: float) -> tuple[Job, bool]:
    """Open a job, or find the one that answers the same question; see the Ledger port."""
    sequence = next_sequence(connection)  # before reading: of fifty equal requests one must see no job
    job_id = job_id_of(request)
    row = _row(connection, job_id)
    known = None if row is None else _job_of(row)
    opens = known is None or known.state in REOPENS
    if opens:
        _open(connection, job_id, kind, request, attempt=1 if known is None else known.attempt + 1, now_s=now_s)
    if kind is JobKind.PROPAGATE and not job_id.startswith(SESSION_PREFIX):
        _supersede_others(connection, job_id, request.task, now_s=now_s)
    if opens or (kind is JobKind.PROPAGATE and known is not None and known.state is JobState.DONE):
        connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(sequence=sequence))
    if known is not None and known.state is JobState.DONE:
        # Still of use: it must not count as old.
        connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(updated_s=now_s))
    if row is not None and not opens and row.pushes:
        push_rows.want_again(connection, _job_of(row), sequence=sequence, now_s=now_s)
    return get(connection, job_id), opens


def _open(connection: Connection, job_id: str, kind: JobKind, request: Request, *, attempt: int, now_s: float) -> None:
    span = request.frames if isinstance(request, PropagationRequest) else None
    values = {
        "kind": str(kind),
        "project_id": request.task.project_id,
        "task_id": request.task.task_id,
        "state": str(JobState.QUEUED),
        "attempt": attempt,
        "first_attempt": attempt,
        "sequence": 0,
        "done": 0,
        "total": 0 if span is None else len(span),
        "reason": "",
        "masks_run": "",
        "model_version": request.model_version,
        "worker": "",
        "created_s": now_s,
        "updated_s": now_s,
        "heartbeat_s": now_s,
        "timings_s": "{}",
        "pushes": False,
        "request": dump_request(request),
    }
    if attempt == 1:
        connection.execute(insert(jobs).values(job_id=job_id, **values))
    else:
        connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(values))


def _supersede_others(connection: Connection, job_id: str, task: TaskKey, *, now_s: float) -> None:
    connection.execute(
        update(jobs)
        .where(
            jobs.c.project_id == task.project_id,
            jobs.c.task_id == task.task_id,
            jobs.c.kind == str(JobKind.PROPAGATE),
            jobs.c.state.in_(OPEN),
            jobs.c.job_id != job_id,
            ~IS_SESSION,
        )
        .values(state=str(JobState.SUPERSEDED), reason="Superseded: a newer prompt replaced this run", updated_s=now_s)
    )


def get(connection: Connection, job_id: str) -> Job:
    """Raises NotFound."""
    return _job_of(_known_row(connection, job_id))


def request_of(connection: Connection, job_id: str) -> Request:
    """Raises NotFound."""
    return load_request(_known_row(connection, job_id).request)


def find(connection: Connection, wanted: JobsWanted, limit: int | None) -> tuple[Job, ...]:
    """Newest first; see the Ledger port."""
    values = _values(wanted)
    query = _finding(frozenset(values), limit is not None)
    found = connection.execute(query, values if limit is None else {**values, "most": limit})
    return tuple(_job_of(row) for row in found)


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


def newest_propagations(connection: Connection, project_id: int | None, states: Sequence[JobState]) -> tuple[Job, ...]:
    """Of each task, by project and task; see the Ledger port."""
    values = _values({"project_id": project_id, "kind": JobKind.PROPAGATE, "states": states, "sessions": False})
    newest = (
        select(func.max(jobs.c.sequence))
        .where(*(_CONDITIONS[name] for name in sorted(values)))
        .group_by(jobs.c.project_id, jobs.c.task_id)
    )
    query = select(jobs).where(jobs.c.sequence.in_(newest)).order_by(jobs.c.project_id, jobs.c.task_id)
    return tuple(_job_of(row) for row in connection.execute(query, values))


def counts(connection: Connection) -> dict[tuple[JobKind, JobState], int]:
    rows = connection.execute(select(jobs.c.state, jobs.c.kind, func.count()).group_by(jobs.c.state, jobs.c.kind))
    return {(JobKind(kind), JobState(state)): count for state, kind, count in rows}


def stale(connection: Connection, *, heartbeat_before_s: float, queued_before_s: float) -> tuple[Job, ...]:
    """Oldest first."""
    silent = (jobs.c.state == str(JobState.RUNNING)) & (jobs.c.heartbeat_s < heartbeat_before_s)
    waiting = (jobs.c.state == str(JobState.QUEUED)) & (jobs.c.updated_s < queued_before_s)
    rows = connection.execute(select(jobs).where(or_(silent, waiting)).order_by(jobs.c.sequence))
    return tuple(_job_of(row) for row in rows)


def start(connection: Connection, job_id: str, attempt: int, worker: str, *, now_s: float) -> Job | None:
    started = _step(
        connection,
        job_id,
        attempt,
        from_states=(str(JobState.QUEUED),),
        state=str(JobState.RUNNING),
        worker=worker,
        heartbeat_s=now_s,
        updated_s=now_s,
    )
    return get(connection, job_id) if started else None


def progress(connection: Connection, job_id: str, attempt: int, *, done: int, total: int, now_s: float) -> JobState:
    running = (str(JobState.RUNNING),)
    values = {"done": done, "total": total, "heartbeat_s": now_s, "updated_s": now_s}
    if _step(connection, job_id, attempt, from_states=running, **values):
        return JobState.RUNNING
    job = get(connection, job_id)
    return job.state if job.attempt == attempt else JobState.SUPERSEDED


def finish(
    connection: Connection,
    job_id: str,
    attempt: int,
    state: JobState,
    *,
    reason: str,
    masks_run: str,
    timings_s: dict[str, float],
    push: bool,
    now_s: float,
) -> bool:
    if not state.is_final:
        raise ValueError(f"an attempt ends in a final state, not in {state!r}")
    if push:
        next_sequence(connection)  # two finishing jobs of one task must not both find no push there
    finished = _step(
        connection,
        job_id,
        attempt,
        from_states=OPEN,
        state=str(state),
        reason=reason,
        masks_run=masks_run,
        timings_s=json.dumps(timings_s),
        pushes=push,
        updated_s=now_s,
    )
    if finished and push:
        row = _known_row(connection, job_id)
        push_rows.want(connection, _job_of(row), sequence=row.sequence, now_s=now_s)
    return finished


def requeue(
    connection: Connection,
    job_id: str,
    attempt: int,
    *,
    reason: str,
    max_attempts: int,
    forgiven: bool = False,
    now_s: float,
) -> Job:
    row = _known_row(connection, job_id)
    if not forgiven and attempt - row.first_attempt + 1 >= max_attempts:
        _step(connection, job_id, attempt, from_states=OPEN, state=str(JobState.FAILED), reason=reason, updated_s=now_s)
    else:
        _step(
            connection,
            job_id,
            attempt,
            from_states=OPEN,
            state=str(JobState.QUEUED),
            attempt=attempt + 1,
            first_attempt=row.first_attempt + (1 if forgiven else 0),
            done=0,
            worker="",
            reason=reason,
            updated_s=now_s,
        )
    return get(connection, job_id)


def reopen(connection: Connection, job_id: str, attempt: int, *, now_s: float) -> Job:
    _step(
        connection,
        job_id,
        attempt,
        from_states=(str(JobState.DONE),),
        state=str(JobState.QUEUED),
        attempt=attempt + 1,
        first_attempt=attempt + 1,
        done=0,
        worker="",
        masks_run="",
        created_s=now_s,
        updated_s=now_s,
    )
    return get(connection, job_id)


def saved(connection: Connection, job_id: str, attempt: int) -> None:
    _step(connection, job_id, attempt, from_states=(str(JobState.RUNNING),), first_attempt=attempt + 1)


def cancel(connection: Connection, job_id: str, *, now_s: float) -> Job:
    connection.execute(
        update(jobs)
        .where(jobs.c.job_id == job_id, jobs.c.state.in_(OPEN))
        .values(state=str(JobState.CANCELLED), reason="Cancelled: cancelled on request", updated_s=now_s)
    )
    return get(connection, job_id)


def _step(
    connection: Connection, job_id: str, current: int, /, *, from_states: Sequence[str], **values: str | int | float
) -> bool:
    """Compare and set: change the row only if this attempt is current and the job in one of these states."""
    where = {"of_job": job_id, "of_attempt": current, "of_states": list(from_states)}
    changed = connection.execute(_STEP, {**where, **values})
    return changed.rowcount == 1


def _row(connection: Connection, job_id: str) -> Row[tuple[object, ...]] | None:
    return connection.execute(_BY_ID, {"job_id": job_id}).one_or_none()


def _known_row(connection: Connection, job_id: str) -> Row[tuple[object, ...]]:
    row = _row(connection, job_id)
    if row is None:
        raise NotFound(f"there is no job {job_id[:60]!r}")
    return row


def _job_of(row: Row[tuple[object, ...]]) -> Job:
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
    )
