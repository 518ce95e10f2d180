"""Rows of failed tries: of jobs, pushes and adoptions that are tried again later, or were given up.

A row is removed when the try succeeds, when a newer job takes the subject's place, and when a person asks again.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Row, and_, bindparam, delete, exists, func, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.tables import failures, jobs
from backend.domain.jobs import JobState
from backend.domain.retries import FailedTry, FailureKind, Failures
from backend.domain.tasks import TaskKey

_TAKE_AWAY = delete(failures).where(
    failures.c.kind == bindparam("of_kind"), failures.c.subject == bindparam("of_subject")
)


def push_subject(task: TaskKey, model_version: str) -> str:
    return f"{task} {model_version}"


def put(connection: Connection, failed: FailedTry) -> None:
    """Write a failed try, over the earlier one of its subject."""
    take_away(connection, failed.kind, failed.subject)
    connection.execute(
        insert(failures).values(
            kind=str(failed.kind),
            subject=failed.subject,
            project_id=failed.task.project_id,
            task_id=failed.task.task_id,
            cause=failed.failures.cause,
            tries=failed.failures.tries,
            since_s=failed.failures.since_s,
            next_try_s=failed.next_try_s,
            is_given_up=failed.is_given_up,
            reason=failed.reason,
        )
    )


def take_away(connection: Connection, kind: FailureKind, subject: str) -> bool:
    """Remove the failed tries of a subject; whether there were any."""
    return connection.execute(_TAKE_AWAY, {"of_kind": str(kind), "of_subject": subject}).rowcount > 0


def find(connection: Connection, kind: FailureKind, subject: str) -> FailedTry | None:
    row = connection.execute(select(failures).where(_of(kind, subject))).one_or_none()
    return None if row is None else _failed_try(row)


def is_postponed(now_s: ColumnElement[float] | float) -> ColumnElement[bool]:
    """Of a job: it is queued and its next try is later than now_s."""
    later = exists().where(
        failures.c.kind == str(FailureKind.JOB), failures.c.subject == jobs.c.job_id, failures.c.next_try_s > now_s
    )
    return and_(jobs.c.state == str(JobState.QUEUED), later)


class FailureRows(Rows):
    """The Ledger port's methods on failed tries."""

    def failed_try(self, kind: FailureKind, subject: str) -> FailedTry | None:
        with self._database.read() as connection:
            return find(connection, kind, subject)

    def failed_tries(
        self, *, project_id: int | None = None, kind: FailureKind | None = None, limit: int | None = None
    ) -> tuple[FailedTry, ...]:
        with self._database.read() as connection:
            query = select(failures).order_by(failures.c.next_try_s, failures.c.kind, failures.c.subject).limit(limit)
            if project_id is not None:
                query = query.where(failures.c.project_id == project_id)
            if kind is not None:
                query = query.where(failures.c.kind == str(kind))
            return tuple(_failed_try(row) for row in connection.execute(query))

    def failure_counts(self) -> Mapping[tuple[FailureKind, str, bool], int]:
        with self._database.read() as connection:
            key = (failures.c.kind, failures.c.cause, failures.c.is_given_up)
            rows = connection.execute(select(*key, func.count()).group_by(*key))
            return {(FailureKind(kind), cause, bool(given_up)): count for kind, cause, given_up, count in rows}

    def record_failure(self, failed: FailedTry) -> None:
        with self._database.write() as connection:
            put(connection, failed)

    def remove_failure(self, kind: FailureKind, subject: str) -> None:
        with self._database.write() as connection:
            take_away(connection, kind, subject)


def hasten(connection: Connection, where: ColumnElement[bool], *, now_s: float) -> int:
    """Let what is tried again be tried now; the count of failures is kept."""
    waiting = and_(where, failures.c.next_try_s > now_s, ~failures.c.is_given_up)
    return connection.execute(update(failures).where(waiting).values(next_try_s=now_s)).rowcount


def _of(kind: FailureKind, subject: str) -> ColumnElement[bool]:
    return and_(failures.c.kind == str(kind), failures.c.subject == subject)


def _failed_try(row: Row[tuple[object, ...]]) -> FailedTry:
    return FailedTry(
        FailureKind(row.kind),
        row.subject,
        TaskKey(row.project_id, row.task_id),
        Failures(row.cause, row.tries, row.since_s),
        row.next_try_s,
        bool(row.is_given_up),
        row.reason,
    )
