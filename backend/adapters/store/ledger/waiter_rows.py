"""Waiters of propagations. A row expires by itself and is read before each frame."""

from __future__ import annotations

from sqlalchemy import Boolean, Float, bindparam, cast, delete, insert, null, select, union_all, update

from backend.adapters.store.ledger.database import next_sequence
from backend.adapters.store.ledger.failure_rows import is_postponed
from backend.adapters.store.ledger.job_queries import OPEN
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.tables import awaited, jobs
from backend.domain.jobs import JobKind, JobState, PendingWaits, WaitedJob

_CLICK = (
    select(
        jobs.c.job_id,
        jobs.c.attempt,
        jobs.c.state,
        cast(null(), Boolean).label("backward"),
        cast(null(), Float).label("since_s"),
    )
    .where(
        jobs.c.state.in_(OPEN), jobs.c.kind == str(JobKind.INTERACTIVE), ~is_postponed(bindparam("now_s", type_=Float))
    )
    .limit(1)
    .subquery()
)
_PROPAGATIONS = (
    select(jobs.c.job_id, jobs.c.attempt, jobs.c.state, awaited.c.backward, awaited.c.since_s)
    .join(jobs, jobs.c.job_id == awaited.c.job_id)
    .where(
        awaited.c.until_s > bindparam("now_s", type_=Float),
        jobs.c.state.in_(OPEN),
        ~is_postponed(bindparam("now_s", type_=Float)),
    )
)
_WAITING = union_all(select(_CLICK), _PROPAGATIONS)
"""Put together once: asked before every frame, putting it together would cost more than the answer.

A postponed job is not waited for: it would hold up others for nothing."""


class WaiterRows(Rows):
    """The Ledger port's methods on waits."""

    def pending_waits(self) -> PendingWaits:
        with self._database.read() as connection:
            rows = connection.execute(_WAITING, {"now_s": self._clock.now_s()}).all()
        found = sorted((row for row in rows if row.backward is not None), key=lambda row: (row.since_s, row.job_id))
        return PendingWaits(
            len(found) < len(rows),
            tuple(WaitedJob(row.job_id, row.attempt, JobState(row.state), bool(row.backward)) for row in found),
        )

    def add_waiter(self, job_id: str, *, until_s: float, backward: bool = False) -> None:
        with self._database.write(durable=False) as connection:
            now_s = self._clock.now_s()
            next_sequence(connection)  # two who begin to wait for one job at once must not both find no row
            connection.execute(delete(awaited).where(awaited.c.until_s <= now_s))
            longest = connection.scalar(select(awaited.c.until_s).where(awaited.c.job_id == job_id))
            if longest is None:
                row = {"job_id": job_id, "since_s": now_s, "until_s": until_s, "backward": backward}
                connection.execute(insert(awaited).values(row))
                return
            values = {"until_s": max(longest, until_s), "backward": backward}
            connection.execute(update(awaited).where(awaited.c.job_id == job_id).values(values))

    def remove_waiter(self, job_id: str, *, until_s: float) -> None:
        with self._database.write(durable=False) as connection:
            connection.execute(delete(awaited).where(awaited.c.job_id == job_id, awaited.c.until_s <= until_s))
