"""Rows of jobs, and the steps a job may take.

Every step is one UPDATE whose WHERE names the attempt and the state it starts from: of two processes that try the
same step, one finds nothing to change.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from backend.adapters.store.ledger import asker_rows, failure_rows, push_rows
from backend.adapters.store.ledger.database import next_sequence
from backend.adapters.store.ledger.job_queries import IS_SESSION, OPEN, JobQueries, find_row, get, job_of, known_row
from backend.adapters.store.ledger.tables import failures, jobs, stops
from backend.adapters.store.ledger.waiter_rows import wait
from backend.codecs.request_json import Request, dump_request, load_request
from backend.domain.jobs import SESSION_PREFIX, Job, JobKind, JobState, PropagationRequest, job_id_of
from backend.domain.retries import FailedTry, FailureKind, Failures
from backend.domain.tasks import is_anonymous

_STEP = update(jobs).where(
    jobs.c.job_id == bindparam("of_job"),
    jobs.c.attempt == bindparam("of_attempt"),
    jobs.c.state.in_(bindparam("of_states", expanding=True)),
)
_OPEN_FIRST = insert(jobs)
_NUMBER = update(jobs).where(jobs.c.job_id == bindparam("of_job")).values(sequence=bindparam("number"))
_FORGET_STOPS = delete(stops).where(stops.c.job_id == bindparam("of_job"))
"""Statements of each click, put together once: that costs more than the answer."""

REOPENS = (JobState.FAILED, JobState.CANCELLED, JobState.SUPERSEDED)


def submit(
    connection: Connection, kind: JobKind, request: Request, *, now_s: float, wait_s: float = 0.0
) -> tuple[Job, bool]:
    """Open a job, or find the one that answers the same question; see the Ledger port."""
    sequence = next_sequence(connection)  # before reading: of fifty equal requests one must see no job
    job_id = job_id_of(request)
    row = find_row(connection, job_id)
    known = None if row is None else job_of(row)
    opens = known is None or known.state in REOPENS
    if opens:
        open_job(connection, job_id, kind, request, attempt=1 if known is None else known.attempt + 1, now_s=now_s)
    if kind is JobKind.INTERACTIVE and wait_s > 0:
        wait(connection, job_id, now_s=now_s, until_s=now_s + wait_s)
    if kind is JobKind.PROPAGATE and not job_id.startswith(SESSION_PREFIX):
        _supersede_others(connection, job_id, request, now_s=now_s)
    if known is not None:
        asker_rows.join(connection, known, kind, request, now_s=now_s)
    if opens or (kind is JobKind.PROPAGATE and known is not None and known.state is JobState.DONE):
        connection.execute(_NUMBER, {"of_job": job_id, "number": sequence})
    if row is not None and not opens and row.pushes:
        push_rows.want_again(connection, job_of(row), sequence=sequence, now_s=now_s)
    was_postponed = failure_rows.take_away(connection, FailureKind.JOB, job_id)
    return get(connection, job_id), opens or (was_postponed and known is not None and known.state is JobState.QUEUED)


def open_job(
    connection: Connection, job_id: str, kind: JobKind, request: Request, *, attempt: int, now_s: float
) -> None:
    values = {
        "kind": str(kind),
        "project_id": request.task.project_id,
        "task_id": request.task.task_id,
        "state": str(JobState.QUEUED),
        "attempt": attempt,
        "first_attempt": attempt,
        "sequence": 0,
        "done": 0,
        "total": request.frame_total if isinstance(request, PropagationRequest) else 0,
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
        "user_name": request.user,
    }
    connection.execute(_FORGET_STOPS, {"of_job": job_id})
    if attempt == 1:
        connection.execute(_OPEN_FIRST, {"job_id": job_id, **values})
    else:
        connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(values))


def _supersede_others(connection: Connection, job_id: str, request: Request, *, now_s: float) -> None:
    """Supersede the open propagations of the task that this request replaces: those of the same user.

    Also those of an anonymous annotator whose prompts are all part of the request: the user was not named then.
    """
    others = connection.execute(
        select(jobs.c.job_id, jobs.c.user_name, jobs.c.request).where(
            jobs.c.project_id == request.task.project_id,
            jobs.c.task_id == request.task.task_id,
            jobs.c.kind == str(JobKind.PROPAGATE),
            jobs.c.state.in_(OPEN),
            jobs.c.job_id != job_id,
            ~IS_SESSION,
        )
    ).all()
    replaced = [
        row.job_id
        for row in others
        if row.user_name == request.user
        or (is_anonymous(row.user_name) and request.prompts.covers(load_request(row.request).prompts))
    ]
    if replaced:
        connection.execute(
            update(jobs)
            .where(jobs.c.job_id.in_(replaced), jobs.c.state.in_(OPEN))
            .values(
                state=str(JobState.SUPERSEDED), reason="Superseded: a newer prompt replaced this run", updated_s=now_s
            )
        )
        connection.execute(
            delete(failures).where(failures.c.kind == str(FailureKind.JOB), failures.c.subject.in_(replaced))
        )


class JobRows(JobQueries):
    """The Ledger port's methods on jobs."""

    def submit(self, kind: JobKind, request: Request, *, wait_s: float = 0.0) -> tuple[Job, bool]:
        with self._database.write() as connection:
            return submit(connection, kind, request, now_s=self._clock.now_s(), wait_s=wait_s)

    def start(self, job_id: str, attempt: int, worker: str) -> Job | None:
        with self._database.write(durable=False) as connection:
            now_s = self._clock.now_s()
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

    def progress(self, job_id: str, attempt: int, done: int, total: int) -> JobState:
        with self._database.write(durable=False) as connection:
            now_s = self._clock.now_s()
            running = (str(JobState.RUNNING),)
            values = {"done": done, "total": total, "heartbeat_s": now_s, "updated_s": now_s}
            if _step(connection, job_id, attempt, from_states=running, **values):
                return JobState.RUNNING
            job = get(connection, job_id)
            return job.state if job.attempt == attempt else JobState.SUPERSEDED

    def finish(
        self,
        job_id: str,
        attempt: int,
        state: JobState,
        *,
        reason: str = "",
        masks_run: str = "",
        timings_s: dict[str, float] | None = None,
        frames: tuple[int, int] | None = None,
        push: bool = False,
    ) -> bool:
        with self._database.write(durable=push) as connection:
            now_s = self._clock.now_s()
            if not state.is_final:
                raise ValueError(f"an attempt ends in a final state, not in {state!r}")
            if push:
                next_sequence(connection)  # two finishing jobs of one task must not both find no push there
            counted = {} if frames is None else {"done": frames[0], "total": frames[1]}
            finished = _step(
                connection,
                job_id,
                attempt,
                from_states=OPEN,
                state=str(state),
                reason=reason,
                masks_run=masks_run,
                timings_s=json.dumps(timings_s or {}),
                pushes=push,
                updated_s=now_s,
                **counted,
            )
            if finished:
                failure_rows.take_away(connection, FailureKind.JOB, job_id)
            if finished and push:
                row = known_row(connection, job_id)
                push_rows.want(connection, job_of(row), sequence=row.sequence, now_s=now_s)
            return finished

    def requeue(self, job_id: str, attempt: int, *, reason: str, max_attempts: int, forgiven: bool = False) -> Job:
        with self._database.write() as connection:
            now_s = self._clock.now_s()
            row = known_row(connection, job_id)
            if not forgiven and attempt - row.first_attempt + 1 >= max_attempts:
                failure_rows.take_away(connection, FailureKind.JOB, job_id)
                failed = {"state": str(JobState.FAILED), "reason": reason}
                _step(connection, job_id, attempt, from_states=OPEN, updated_s=now_s, **failed)
            else:
                first = row.first_attempt + (1 if forgiven else 0)
                _queue_next(connection, job_id, attempt, first_attempt=first, reason=reason, updated_s=now_s)
            return get(connection, job_id)

    def postpone(self, job_id: str, attempt: int, failures: Failures, *, next_try_s: float, reason: str) -> Job:
        with self._database.write() as connection:
            row = known_row(connection, job_id)
            first, now_s = row.first_attempt + 1, self._clock.now_s()
            is_current = _queue_next(connection, job_id, attempt, first_attempt=first, reason=reason, updated_s=now_s)
            job = get(connection, job_id)
            if is_current:
                failed = FailedTry(FailureKind.JOB, job_id, job.task, failures, next_try_s, reason=reason)
                failure_rows.put(connection, failed)
            return job

    def reopen(self, job_id: str, attempt: int) -> Job:
        with self._database.write() as connection:
            now_s = self._clock.now_s()
            connection.execute(delete(stops).where(stops.c.job_id == job_id))
            _queue_next(
                connection,
                job_id,
                attempt,
                from_states=(str(JobState.DONE),),
                first_attempt=attempt + 1,
                masks_run="",
                created_s=now_s,
                updated_s=now_s,
            )
            return get(connection, job_id)

    def reset_attempt_count(self, job_id: str, attempt: int) -> None:
        with self._database.write() as connection:
            _step(connection, job_id, attempt, from_states=(str(JobState.RUNNING),), first_attempt=attempt + 1)
            failure_rows.take_away(connection, FailureKind.JOB, job_id)

    def cancel(self, job_id: str) -> Job:
        with self._database.write() as connection:
            connection.execute(
                update(jobs)
                .where(jobs.c.job_id == job_id, jobs.c.state.in_(OPEN))
                .values(
                    state=str(JobState.CANCELLED),
                    reason="Cancelled: cancelled on request",
                    updated_s=self._clock.now_s(),
                )
            )
            failure_rows.take_away(connection, FailureKind.JOB, job_id)
            return get(connection, job_id)

    def stop(self, job_id: str) -> Job:
        with self._database.write() as connection:
            is_open = select(jobs.c.job_id).where(jobs.c.state.in_(OPEN))
            connection.execute(delete(stops).where((stops.c.job_id == job_id) | stops.c.job_id.not_in(is_open)))
            job = get(connection, job_id)
            if not job.state.is_final:
                connection.execute(insert(stops).values(job_id=job_id, requested_s=self._clock.now_s()))
            return job


def _queue_next(
    connection: Connection,
    job_id: str,
    current: int,
    /,
    *,
    from_states: Sequence[str] = OPEN,
    **values: str | int | float,
) -> bool:
    """Compare and set: queue the job's next attempt, which no worker has and which has no frames yet."""
    return _step(
        connection,
        job_id,
        current,
        from_states=from_states,
        state=str(JobState.QUEUED),
        attempt=current + 1,
        done=0,
        worker="",
        **values,
    )


def _step(
    connection: Connection, job_id: str, current: int, /, *, from_states: Sequence[str], **values: str | int | float
) -> bool:
    """Compare and set: change the row only if this attempt is current and the job in one of these states."""
    where = {"of_job": job_id, "of_attempt": current, "of_states": list(from_states)}
    changed = connection.execute(_STEP, {**where, **values})
    return changed.rowcount == 1
