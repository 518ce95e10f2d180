"""The Ledger port on a database: SQLite in a file, or PostgreSQL by address.

Each method is one transaction. What people said, what was asked for and what is to be pushed is on disk when it
returns; how far a worker is with it survives every crash but a power cut, after which it is done again. Safe to use
from many threads and processes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Unpack

from backend.adapters.store.ledger import job_rows, prompt_rows, push_rows, retention_rows, waiter_rows
from backend.adapters.store.ledger.codec import Request
from backend.adapters.store.ledger.database import Database
from backend.application.ports.clock import Clock
from backend.application.ports.ledger import JobsWanted
from backend.domain.jobs import Job, JobKind, JobState, PendingPush, PendingWaits, kind_of
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex


def open_ledger(url: str, clock: Clock) -> SqlLedger:
    """Open the ledger at an address (sqlite:///file or postgresql://...), making its tables or bringing them forward.

    Raises InvalidInput for another kind of address, ServiceUnavailable if the database cannot be used or is of a newer
    Masklet.
    """
    database = Database(url)
    try:
        database.set_up()
    except BaseException:
        database.close()  # its pool would keep the connection open
        raise
    return SqlLedger(database, clock)


class SqlLedger:
    """Ledger by SQLAlchemy Core."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def close(self) -> None:
        """Let go of all connections."""
        self._database.close()

    def record_prompts(self, task: TaskKey, prompts: PromptSet, *, user: str = "") -> PromptSet:
        with self._database.write() as connection:
            return prompt_rows.record(connection, task, prompts, user)

    def accept(
        self,
        task: TaskKey,
        prompts: PromptSet,
        ask: Callable[[PromptSet], Sequence[Request]],
        *,
        user: str = "",
    ) -> tuple[tuple[Job, bool], ...]:
        with self._database.write() as connection:
            requests = ask(prompt_rows.record(connection, task, prompts, user))
            now_s = self._clock.now_s()
            return tuple(job_rows.submit(connection, kind_of(request), request, now_s=now_s) for request in requests)

    def prompts(self, task: TaskKey, *, user: str = "") -> PromptSet:
        with self._database.read() as connection:
            return prompt_rows.load(connection, task, user)

    def claim_prompts(
        self, task: TaskKey, *, user: str, spots: Collection[tuple[ObjectId, FrameIndex | None]] | None
    ) -> None:
        with self._database.write() as connection:
            prompt_rows.claim(connection, task, user, spots)

    def replace_prompts(self, task: TaskKey, prompts: PromptSet, *, user: str = "") -> None:
        with self._database.write() as connection:
            prompt_rows.replace(connection, task, prompts, user)

    def submit(self, kind: JobKind, request: Request) -> tuple[Job, bool]:
        with self._database.write() as connection:
            return job_rows.submit(connection, kind, request, now_s=self._clock.now_s())

    def job(self, job_id: str) -> Job:
        with self._database.read() as connection:
            return job_rows.get(connection, job_id)

    def request(self, job_id: str) -> Request:
        with self._database.read() as connection:
            return job_rows.request_of(connection, job_id)

    def jobs(self, *, limit: int | None = None, **wanted: Unpack[JobsWanted]) -> tuple[Job, ...]:
        with self._database.read() as connection:
            return job_rows.find(connection, wanted, limit)

    def newest_propagations(self, *, project_id: int | None = None, states: Sequence[JobState] = ()) -> tuple[Job, ...]:
        with self._database.read() as connection:
            return job_rows.newest_propagations(connection, project_id, states)

    def counts(self) -> Mapping[tuple[JobKind, JobState], int]:
        with self._database.read() as connection:
            return job_rows.counts(connection)

    def pending_waits(self) -> PendingWaits:
        with self._database.read() as connection:
            return waiter_rows.pending_waits(connection, self._clock.now_s())

    def add_waiter(self, job_id: str, *, until_s: float, backward: bool = False) -> None:
        with self._database.write(durable=False) as connection:
            waiter_rows.add_waiter(connection, job_id, now_s=self._clock.now_s(), until_s=until_s, backward=backward)

    def remove_waiter(self, job_id: str, *, until_s: float) -> None:
        with self._database.write(durable=False) as connection:
            waiter_rows.remove_waiter(connection, job_id, until_s=until_s)

    def start(self, job_id: str, attempt: int, worker: str) -> Job | None:
        with self._database.write(durable=False) as connection:
            return job_rows.start(connection, job_id, attempt, worker, now_s=self._clock.now_s())

    def progress(self, job_id: str, attempt: int, done: int, total: int) -> JobState:
        with self._database.write(durable=False) as connection:
            return job_rows.progress(connection, job_id, attempt, done=done, total=total, now_s=self._clock.now_s())

    def finish(
        self,
        job_id: str,
        attempt: int,
        state: JobState,
        *,
        reason: str = "",
        masks_run: str = "",
        timings_s: dict[str, float] | None = None,
        push: bool = False,
    ) -> bool:
        with self._database.write(durable=push) as connection:
            return job_rows.finish(
                connection,
                job_id,
                attempt,
                state,
                reason=reason,
                masks_run=masks_run,
                timings_s=timings_s or {},
                push=push,
                now_s=self._clock.now_s(),
            )

    def requeue(self, job_id: str, attempt: int, *, reason: str, max_attempts: int, forgiven: bool = False) -> Job:
        with self._database.write() as connection:
            return job_rows.requeue(
                connection,
                job_id,
                attempt,
                reason=reason,
                max_attempts=max_attempts,
                forgiven=forgiven,
                now_s=self._clock.now_s(),
            )

    def reopen(self, job_id: str, attempt: int) -> Job:
        with self._database.write() as connection:
            return job_rows.reopen(connection, job_id, attempt, now_s=self._clock.now_s())

    def reset_attempt_count(self, job_id: str, attempt: int) -> None:
        with self._database.write() as connection:
            job_rows.saved(connection, job_id, attempt)

    def cancel(self, job_id: str) -> Job:
        with self._database.write() as connection:
            return job_rows.cancel(connection, job_id, now_s=self._clock.now_s())

    def stale_jobs(self, *, heartbeat_before_s: float, queued_before_s: float) -> tuple[Job, ...]:
        with self._database.read() as connection:
            return job_rows.stale(connection, heartbeat_before_s=heartbeat_before_s, queued_before_s=queued_before_s)

    def prune(self, before_s: float, *, limit: int) -> tuple[str, ...]:
        with self._database.write() as connection:
            return retention_rows.prune(connection, before_s, limit)

    def inactive_tasks(self, before_s: float, *, after: TaskKey | None, limit: int) -> tuple[TaskKey, ...]:
        with self._database.read() as connection:
            return retention_rows.quiet_tasks(connection, before_s, after, limit)

    def forget_task(self, task: TaskKey) -> tuple[str, ...]:
        with self._database.write() as connection:
            return retention_rows.forget_task(connection, task)

    def known_jobs(self, job_ids: Collection[str]) -> frozenset[str]:
        with self._database.read() as connection:
            return retention_rows.known(connection, job_ids)

    def due_pushes(self, now_s: float, *, limit: int = 20) -> tuple[PendingPush, ...]:
        with self._database.read() as connection:
            return push_rows.due(connection, now_s, limit)

    def claim_push(self, push: PendingPush, *, until_s: float) -> bool:
        with self._database.write() as connection:
            return push_rows.claim(connection, push, now_s=self._clock.now_s(), until_s=until_s)

    def settle_push(self, push: PendingPush) -> None:
        with self._database.write() as connection:
            push_rows.settle(connection, push)

    def latest_push(self, task: TaskKey, *, job_id: str | None = None) -> PendingPush | None:
        with self._database.read() as connection:
            return push_rows.latest(connection, task, job_id)
