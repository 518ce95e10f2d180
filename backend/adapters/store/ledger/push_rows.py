"""Rows of predictions that are to reach Label Studio: one per task and model version, the newest job's.

A row taken over by a newer job keeps the claim of whoever is pushing the older one, so that two processes never
push the same task at once, and keeps the prediction's id.
"""

from __future__ import annotations

from sqlalchemy import Connection, Row, Table, Text, and_, cast, exists, func, insert, select, true, update
from sqlalchemy.sql.elements import ColumnElement

from backend.adapters.store.ledger import failure_rows
from backend.adapters.store.ledger.failure_rows import push_subject
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.tables import failures, pushes
from backend.domain.jobs import Job, PendingPush, PushState
from backend.domain.retries import FailedTry, FailureKind, Failures
from backend.domain.tasks import TaskKey


def want(connection: Connection, job: Job, *, sequence: int, now_s: float) -> None:
    """Make a finished job's masks the task's pending push, unless a newer job's are."""
    at_task = _at(job.task, job.model_version)
    newest = connection.scalar(select(pushes.c.sequence).where(at_task))
    if newest is not None and newest > sequence:
        return
    failure_rows.take_away(connection, FailureKind.PUSH, push_subject(job.task, job.model_version))
    values = {
        "job_id": job.job_id,
        "sequence": sequence,
        "state": str(PushState.PENDING),
        "tries": 0,
        "next_try_s": now_s,
        "reason": "",
    }
    if newest is not None:
        connection.execute(update(pushes).where(at_task).values(values))
        return
    key = {"project_id": job.task.project_id, "task_id": job.task.task_id, "model_version": job.model_version}
    connection.execute(insert(pushes).values(claimed_until_s=0.0, prediction_id=None, **key, **values))


def want_again(connection: Connection, job: Job, *, sequence: int, now_s: float) -> None:
    """Like `want`, for a job that was pushed before: only if its prediction is not the task's, or not yet."""
    row = connection.execute(select(pushes).where(_at(job.task, job.model_version))).one_or_none()
    if row is not None and (row.job_id != job.job_id or row.state != str(PushState.PUSHED)):
        want(connection, job, sequence=sequence, now_s=now_s)


_WITH_FAILURES = select(pushes, failures.c.cause, failures.c.tries.label("failed_tries"), failures.c.since_s).outerjoin(
    failures,
    and_(
        failures.c.kind == str(FailureKind.PUSH),
        failures.c.subject
        == cast(pushes.c.project_id, Text) + "/" + cast(pushes.c.task_id, Text) + " " + pushes.c.model_version,
    ),
)


class PushRows(Rows):
    """The Ledger port's methods on pushes."""

    def due_pushes(self, now_s: float, *, limit: int = 20) -> tuple[PendingPush, ...]:
        with self._database.read() as connection:
            rows = connection.execute(
                _WITH_FAILURES.where(
                    pushes.c.state == str(PushState.PENDING),
                    pushes.c.next_try_s <= now_s,
                    pushes.c.claimed_until_s <= now_s,
                )
                .order_by(pushes.c.next_try_s, pushes.c.sequence)
                .limit(limit)
            )
            return tuple(_push_of(row) for row in rows)

    def pending_pushes(self) -> int:
        with self._database.read() as connection:
            counted = select(func.count()).select_from(pushes).where(pushes.c.state == str(PushState.PENDING))
            return connection.scalar(counted) or 0

    def claim_push(self, push: PendingPush, *, until_s: float) -> bool:
        with self._database.write() as connection:
            taken = connection.execute(
                update(pushes)
                .where(
                    _at(push.task, push.model_version),
                    pushes.c.job_id == push.job_id,
                    pushes.c.state == str(PushState.PENDING),
                    pushes.c.claimed_until_s <= self._clock.now_s(),
                )
                .values(claimed_until_s=until_s)
            )
            return taken.rowcount == 1

    def settle_push(self, push: PendingPush) -> None:
        with self._database.write() as connection:
            at_task = _at(push.task, push.model_version)
            settled = connection.execute(
                update(pushes)
                .where(at_task, pushes.c.job_id == push.job_id)
                .values(
                    state=str(push.state),
                    tries=push.tries,
                    next_try_s=push.next_try_s,
                    prediction_id=push.prediction_id,
                    reason=push.reason,
                    claimed_until_s=0.0,
                )
            )
            if settled.rowcount:
                _keep_failures(connection, push)
            else:
                released: dict[str, float | int] = {"claimed_until_s": 0.0}
                if push.prediction_id is not None:
                    released["prediction_id"] = push.prediction_id
                connection.execute(update(pushes).where(at_task).values(released))

    def postpone_pushes(self, until_s: float) -> None:
        with self._database.write() as connection:
            sooner = and_(pushes.c.state == str(PushState.PENDING), pushes.c.next_try_s < until_s)
            connection.execute(update(pushes).where(sooner).values(next_try_s=until_s))

    def hasten(self, *, project_id: int | None = None, task: TaskKey | None = None) -> int:
        with self._database.write() as connection:
            now_s = self._clock.now_s()
            waiting = and_(pushes.c.state == str(PushState.PENDING), pushes.c.next_try_s > now_s)
            where = and_(waiting, *_within(pushes, project_id, task))
            connection.execute(update(pushes).where(where).values(next_try_s=now_s))
            return failure_rows.hasten(connection, and_(*_within(failures, project_id, task)), now_s=now_s)

    def retry_given_up(self, *, project_id: int | None = None, task: TaskKey | None = None) -> int:
        with self._database.write() as connection:
            where = and_(pushes.c.state == str(PushState.REFUSED), *_within(pushes, project_id, task))
            subjects = [
                push_subject(TaskKey(row.project_id, row.task_id), row.model_version)
                for row in connection.execute(select(pushes).where(where))
            ]
            for subject in subjects:
                failure_rows.take_away(connection, FailureKind.PUSH, subject)
            values = {"state": str(PushState.PENDING), "tries": 0, "next_try_s": self._clock.now_s()}
            connection.execute(update(pushes).where(where).values(values))
            given_up = and_(failures.c.is_given_up, *_within(failures, project_id, task))
            revived = update(failures).where(given_up).values(is_given_up=False, next_try_s=self._clock.now_s())
            return len(subjects) + connection.execute(revived).rowcount

    def latest_push(self, task: TaskKey, *, job_id: str | None = None) -> PendingPush | None:
        with self._database.read() as connection:
            query = _WITH_FAILURES.where(pushes.c.project_id == task.project_id, pushes.c.task_id == task.task_id)
            if job_id is not None:
                query = query.where(pushes.c.job_id == job_id)
            row = connection.execute(query.order_by(pushes.c.sequence.desc()).limit(1)).one_or_none()
            return None if row is None else _push_of(row)

    def refused_pushes(self, project_id: int) -> tuple[PendingPush, ...]:
        later = pushes.alias()
        is_newest = ~exists().where(
            later.c.project_id == pushes.c.project_id,
            later.c.task_id == pushes.c.task_id,
            later.c.sequence > pushes.c.sequence,
        )
        query = _WITH_FAILURES.where(
            pushes.c.project_id == project_id, pushes.c.state == str(PushState.REFUSED), is_newest
        )
        with self._database.read() as connection:
            return tuple(_push_of(row) for row in connection.execute(query.order_by(pushes.c.task_id)))


def _at(task: TaskKey, model_version: str) -> ColumnElement[bool]:
    return and_(
        pushes.c.project_id == task.project_id,
        pushes.c.task_id == task.task_id,
        pushes.c.model_version == model_version,
    )


def _within(table: Table, project_id: int | None, task: TaskKey | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [true()]
    if project_id is not None:
        conditions.append(table.c.project_id == project_id)
    if task is not None:
        conditions += [table.c.project_id == task.project_id, table.c.task_id == task.task_id]
    return conditions


def _keep_failures(connection: Connection, push: PendingPush) -> None:
    subject = push_subject(push.task, push.model_version)
    if not push.failures.cause:
        failure_rows.take_away(connection, FailureKind.PUSH, subject)
        return
    failure_rows.put(
        connection,
        FailedTry(
            FailureKind.PUSH,
            subject,
            push.task,
            push.failures,
            push.next_try_s,
            is_given_up=push.state is PushState.REFUSED,
            reason=push.reason,
        ),
    )


def _failures_of(row: Row[tuple[object, ...]]) -> Failures:
    return Failures() if row.cause is None else Failures(row.cause, row.failed_tries, row.since_s)


def _push_of(row: Row[tuple[object, ...]]) -> PendingPush:
    return PendingPush(
        TaskKey(row.project_id, row.task_id),
        row.model_version,
        row.job_id,
        PushState(row.state),
        tries=row.tries,
        next_try_s=row.next_try_s,
        prediction_id=row.prediction_id,
        reason=row.reason,
        failures=_failures_of(row),
    )
