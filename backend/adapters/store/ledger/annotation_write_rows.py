"""Rows of the annotations into which the masks of the player are written: one per annotation.

`wanted` counts the requests. A write ends the request that it began with: one that came meanwhile stays pending.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import BigInteger, Row, Text, and_, cast, delete, exists, insert, select, true, update
from sqlalchemy.sql.elements import ColumnElement

from backend.adapters.store.ledger import failure_rows
from backend.adapters.store.ledger.crowd_tables import consensus
from backend.adapters.store.ledger.job_queries import IS_SESSION, OPEN
from backend.adapters.store.ledger.retention_rows import present
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.tables import annotation_writes as writes
from backend.adapters.store.ledger.tables import failures, jobs
from backend.application.ports.annotation_writes import AnnotationWrite, WrittenMasks
from backend.domain.jobs import JobKind
from backend.domain.retries import FailureKind, Failures
from backend.domain.tasks import SEVERAL_USERS, TaskKey

_OPEN_PROPAGATION = exists().where(
    jobs.c.project_id == writes.c.project_id,
    jobs.c.task_id == writes.c.task_id,
    jobs.c.kind == str(JobKind.PROPAGATE),
    jobs.c.state.in_(OPEN),
    jobs.c.user_name.in_([writes.c.user_name, SEVERAL_USERS]),
    ~IS_SESSION,
)

_WITH_FAILURES = select(writes, failures.c.cause, failures.c.tries, failures.c.since_s).outerjoin(
    failures,
    and_(
        failures.c.kind == str(FailureKind.WRITE),
        failures.c.subject
        == cast(writes.c.project_id, Text)
        + "/"
        + cast(writes.c.task_id, Text)
        + " "
        + cast(writes.c.annotation_id, Text),
    ),
)


class AnnotationWriteRows(Rows):
    """The Ledger port's methods on writes into annotations."""

    def want_annotation_write(self, task: TaskKey, annotation_id: int, *, user: str, seen: str) -> None:
        with self._database.write() as connection:
            row = connection.execute(select(writes).where(writes.c.annotation_id == annotation_id)).one_or_none()
            if row is not None and row.seen == seen:
                return
            values = {"user_name": user, "seen": seen, "is_pending": True}
            key = {"project_id": task.project_id, "task_id": task.task_id}
            if row is None:
                fresh = {"annotation_id": annotation_id, "wanted": 1, "claimed_until_s": 0.0, "masks_run": ""}
                connection.execute(insert(writes).values(**values, **key, **fresh))
                return
            again = {"wanted": row.wanted + 1}
            connection.execute(
                update(writes).where(writes.c.annotation_id == annotation_id).values(**values, **key, **again)
            )
            subject = AnnotationWrite(task, annotation_id, user, row.wanted).subject
            failure_rows.take_away(connection, FailureKind.WRITE, subject)

    def due_annotation_writes(self, now_s: float, *, limit: int = 20) -> tuple[AnnotationWrite, ...]:
        with self._database.read() as connection:
            may_try = failures.c.kind.is_(None) | and_(~failures.c.is_given_up, failures.c.next_try_s <= now_s)
            rows = connection.execute(
                _WITH_FAILURES.where(
                    writes.c.is_pending == true(), writes.c.claimed_until_s <= now_s, may_try, ~_OPEN_PROPAGATION
                )
                .order_by(writes.c.claimed_until_s, writes.c.annotation_id)
                .limit(limit)
            )
            return tuple(_write_of(row) for row in rows)

    def claim_annotation_write(self, write: AnnotationWrite, *, until_s: float) -> bool:
        with self._database.write() as connection:
            free = and_(_same(write), writes.c.is_pending, writes.c.claimed_until_s <= self._clock.now_s())
            return connection.execute(update(writes).where(free).values(claimed_until_s=until_s)).rowcount == 1

    def release_annotation_write(self, write: AnnotationWrite) -> None:
        with self._database.write() as connection:
            of_annotation = writes.c.annotation_id == write.annotation_id
            connection.execute(update(writes).where(of_annotation).values(claimed_until_s=0.0))

    def finish_annotation_write(self, write: AnnotationWrite, *, seen: str, masks_run: str | None = None) -> None:
        with self._database.write() as connection:
            of_annotation = writes.c.annotation_id == write.annotation_id
            connection.execute(update(writes).where(of_annotation).values(claimed_until_s=0.0))
            if masks_run is not None:
                connection.execute(update(writes).where(of_annotation).values(masks_run=masks_run))
            connection.execute(update(writes).where(_same(write)).values(is_pending=False, seen=seen))
            failure_rows.take_away(connection, FailureKind.WRITE, write.subject)

    def forget_annotation(self, write: AnnotationWrite) -> None:
        with self._database.write() as connection:
            connection.execute(delete(writes).where(writes.c.annotation_id == write.annotation_id))
            failure_rows.take_away(connection, FailureKind.WRITE, write.subject)

    def written_masks(self, annotation_id: int) -> WrittenMasks | None:
        with self._database.read() as connection:
            row = connection.execute(select(writes).where(writes.c.annotation_id == annotation_id)).one_or_none()
            return None if row is None else WrittenMasks(bool(row.is_pending), row.seen, row.masks_run)

    def annotation_runs(self, runs: Collection[str]) -> frozenset[str]:
        with self._database.read() as connection:
            written = present(connection, writes.c.masks_run, runs)
            return written | present(connection, consensus.c.masks_run, runs)


def _same(write: AnnotationWrite) -> ColumnElement[bool]:
    """The same request: no later one came."""
    return and_(writes.c.annotation_id == write.annotation_id, writes.c.wanted == cast(write.wanted, BigInteger))


def _write_of(row: Row[tuple[object, ...]]) -> AnnotationWrite:
    failed = Failures() if row.cause is None else Failures(row.cause, row.tries, row.since_s)
    return AnnotationWrite(TaskKey(row.project_id, row.task_id), row.annotation_id, row.user_name, row.wanted, failed)
