"""Waiters of jobs. A row expires by itself; those of propagations are read before each frame."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    Boolean,
    Connection,
    Float,
    bindparam,
    cast,
    delete,
    false,
    insert,
    null,
    select,
    true,
    union_all,
    update,
)

from backend.adapters.store.ledger.database import next_sequence
from backend.adapters.store.ledger.failure_rows import is_postponed
from backend.adapters.store.ledger.job_queries import OPEN
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.tables import awaited, jobs, stops
from backend.domain.jobs import JobKind, JobState, PendingWaits, QueuedClick, WaitedJob, person_of
from backend.domain.tasks import TaskKey

NO_WAITER_S = float("-inf")

_CLICK = (
    select(
        jobs.c.job_id,
        jobs.c.attempt,
        jobs.c.state,
        cast(null(), Boolean).label("backward"),
        cast(null(), Float).label("since_s"),
        false().label("stops"),
    )
    .where(
        jobs.c.state.in_(OPEN), jobs.c.kind == str(JobKind.INTERACTIVE), ~is_postponed(bindparam("now_s", type_=Float))
    )
    .limit(1)
    .subquery()
)
_PROPAGATIONS = (
    select(jobs.c.job_id, jobs.c.attempt, jobs.c.state, awaited.c.backward, awaited.c.since_s, false().label("stops"))
    .join(jobs, jobs.c.job_id == awaited.c.job_id)
    .where(
        awaited.c.until_s > bindparam("now_s", type_=Float),
        jobs.c.state.in_(OPEN),
        jobs.c.kind == str(JobKind.PROPAGATE),
        ~is_postponed(bindparam("now_s", type_=Float)),
    )
)
_STOPS = (
    select(
        jobs.c.job_id,
        jobs.c.attempt,
        jobs.c.state,
        cast(null(), Boolean).label("backward"),
        cast(null(), Float).label("since_s"),
        true().label("stops"),
    )
    .join(stops, jobs.c.job_id == stops.c.job_id)
    .where(jobs.c.state.in_(OPEN))
)
_WAITING = union_all(select(_CLICK), _PROPAGATIONS, _STOPS)
"""Put together once: asked before every frame, putting it together would cost more than the answer.

A postponed job is not waited for: it would hold up others for nothing."""


_QUEUED_CLICKS = (
    select(
        jobs.c.job_id,
        jobs.c.attempt,
        jobs.c.project_id,
        jobs.c.task_id,
        jobs.c.user_name,
        jobs.c.sequence,
        jobs.c.updated_s,
        awaited.c.until_s,
    )
    .outerjoin(awaited, awaited.c.job_id == jobs.c.job_id)
    .where(jobs.c.state == str(JobState.QUEUED), jobs.c.kind == str(JobKind.INTERACTIVE))
    .order_by(jobs.c.sequence)
)


_EXPIRE = delete(awaited).where(awaited.c.until_s <= bindparam("now_s"))
_LONGEST = select(awaited.c.until_s).where(awaited.c.job_id == bindparam("of_job"))
_ADD = insert(awaited)


def wait(connection: Connection, job_id: str, *, now_s: float, until_s: float, backward: bool = False) -> None:
    """Record a waiter. The caller has taken a sequence number, so that no other process finds no row either."""
    connection.execute(_EXPIRE, {"now_s": now_s})
    longest = connection.scalar(_LONGEST, {"of_job": job_id})
    if longest is None:
        connection.execute(_ADD, {"job_id": job_id, "since_s": now_s, "until_s": until_s, "backward": backward})
        return
    values = {"until_s": max(longest, until_s), "backward": backward}
    connection.execute(update(awaited).where(awaited.c.job_id == job_id).values(values))


class WaiterRows(Rows):
    """The Ledger port's methods on waits."""

    def queued_clicks(self) -> tuple[QueuedClick, ...]:
        with self._database.read() as connection:
            return tuple(
                QueuedClick(
                    row.job_id,
                    row.attempt,
                    person_of(TaskKey(row.project_id, row.task_id), row.user_name),
                    row.sequence,
                    NO_WAITER_S if row.until_s is None else row.until_s,
                    row.updated_s,
                )
                for row in connection.execute(_QUEUED_CLICKS)
            )

    def drop_clicks(self, job_ids: Sequence[str], *, reason: str) -> int:
        with self._database.write(durable=False) as connection:
            dropped = connection.execute(
                update(jobs)
                .where(
                    jobs.c.job_id.in_(job_ids),
                    jobs.c.state == str(JobState.QUEUED),
                    jobs.c.kind == str(JobKind.INTERACTIVE),
                )
                .values(state=str(JobState.CANCELLED), reason=reason, updated_s=self._clock.now_s())
            )
            return dropped.rowcount

    def pending_waits(self) -> PendingWaits:
        with self._database.read() as connection:
            rows = connection.execute(_WAITING, {"now_s": self._clock.now_s()}).all()
        stopped = frozenset(row.job_id for row in rows if row.stops)
        found = sorted((row for row in rows if row.backward is not None), key=lambda row: (row.since_s, row.job_id))
        return PendingWaits(
            len(found) + len(stopped) < len(rows),
            tuple(WaitedJob(row.job_id, row.attempt, JobState(row.state), bool(row.backward)) for row in found),
            stopped,
        )

    def add_waiter(self, job_id: str, *, until_s: float, backward: bool = False) -> None:
        with self._database.write(durable=False) as connection:
            now_s = self._clock.now_s()
            next_sequence(connection)
            wait(connection, job_id, now_s=now_s, until_s=until_s, backward=backward)

    def remove_waiter(self, job_id: str, *, until_s: float) -> None:
        with self._database.write(durable=False) as connection:
            connection.execute(delete(awaited).where(awaited.c.job_id == job_id, awaited.c.until_s <= until_s))
