"""The JobQueue port over RQ.

An entry is a ledger id and an attempt. RQ's retries, schedules and registries are not used: the ledger decides which
jobs run, so an entry may be lost, or delivered twice, without harm.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from redis import Redis, RedisError
from redis.exceptions import OutOfMemoryError
from rq import Queue
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.job import JobStatus
from rq.worker import BaseWorker
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from backend.adapters.queue.ledger_job import LedgerJob
from backend.adapters.queue.names import (
    ALIVE_S,
    RUN_JOB,
    SERIALIZER,
    SILENT_S,
    STEP_DUE_FIELD,
    Entry,
    connect,
    longest_s,
    queue_name,
    rq_id,
)
from backend.domain.errors import NotAllowed, QueueUnavailable
from backend.domain.jobs import Job, JobKind

logger = logging.getLogger(__name__)

REPLY_TIMEOUT_S = 2.0
RESULT_TTL_S = 3600
FAILURE_TTL_S = 7 * 24 * 3600

HANDOVER_S = 10
"""A worker starts a taken entry within milliseconds; a worker that needs longer has died in between."""


class RqQueue:
    """JobQueue on Redis or Valkey. Safe to share between threads; connects when first used."""

    def __init__(self, url: str) -> None:
        """url: redis://, rediss:// or unix:// address; it may hold a password and is never logged."""
        self._redis: Redis = connect(url, timeout_s=REPLY_TIMEOUT_S)

    def close(self) -> None:
        self._redis.close()

    def enqueue(self, job: Entry, *, timeout_s: float, goes_first: bool = False) -> None:
        """Idempotent for (job id, attempt). timeout_s: longest run, capped. Raises QueueUnavailable."""
        with _translated():
            try:
                self._push(job, timeout_s, goes_first=goes_first)
            except DuplicateJobError:
                if self._is_known(job):
                    return  # possibly this call's own push, with a lost reply
                self._remove(job)
                self._push_unless_known(job, timeout_s, goes_first=goes_first)

    def is_known(self, job: Entry) -> bool:
        """Whether this attempt is queued, or held by a live worker. Raises QueueUnavailable."""
        with _translated():
            return self._is_known(job)

    def unknown(self, jobs: Sequence[Job]) -> tuple[Job, ...]:
        """The jobs neither queued nor held by a live worker. Reads each queue once. Raises QueueUnavailable."""
        with _translated():
            queued = {kind: set(self._redis.lrange(self._queue(kind).key, 0, -1)) for kind in {j.kind for j in jobs}}
            absent = (j for j in jobs if rq_id(j.job_id, j.attempt).encode() not in queued[j.kind])
            return tuple(job for job in absent if not self._is_known(job))

    def depths(self) -> dict[JobKind, int]:
        """Queued entries per kind. Reads list lengths only: RQ's own counts clean registries as a side effect."""
        with _translated(), self._redis.pipeline(transaction=False) as pipeline:
            for kind in JobKind:
                pipeline.llen(self._queue(kind).key)
            return dict(zip(JobKind, map(int, pipeline.execute()), strict=True))

    def workers(self) -> dict[JobKind, int]:
        """Workers per kind that make progress. Raises QueueUnavailable."""
        with _translated():
            return {kind: self._reports(kind).count(True) for kind in JobKind}

    def workers_of(self, kind: str) -> int:
        """Workers of one kind that make progress. Raises QueueUnavailable."""
        with _translated():
            return self._reports(kind).count(True)

    def workers_and_silent(self) -> dict[JobKind, tuple[int, int]]:
        """Per kind `workers`, and those whose heartbeat or next step of work is overdue. Raises QueueUnavailable."""
        with _translated():
            reports = {kind: self._reports(kind) for kind in JobKind}
            return {kind: (found.count(True), found.count(False)) for kind, found in reports.items()}

    def _queue(self, kind: str) -> Queue:
        return Queue(queue_name(kind), connection=self._redis, serializer=SERIALIZER, job_class=LedgerJob)

    def _push(self, job: Entry, timeout_s: float, *, goes_first: bool) -> None:
        self._queue(job.kind).enqueue_call(
            RUN_JOB,
            args=[job.job_id, job.attempt],
            timeout=max(1, math.ceil(min(timeout_s, longest_s(job.kind)))),
            result_ttl=RESULT_TTL_S,
            failure_ttl=FAILURE_TTL_S,
            description=job.job_id,
            job_id=rq_id(job.job_id, job.attempt),
            at_front=goes_first,
            unique=True,
        )

    def _push_unless_known(self, job: Entry, timeout_s: float, *, goes_first: bool) -> None:
        try:
            self._push(job, timeout_s, goes_first=goes_first)
        except DuplicateJobError:
            logger.debug("job %s: another process queued it again first", job.job_id)

    def _is_known(self, job: Entry) -> bool:
        entry_id = rq_id(job.job_id, job.attempt)
        queue = self._queue(job.kind)
        try:
            entry = LedgerJob.fetch(entry_id, connection=self._redis, serializer=SERIALIZER)
        except (NoSuchJobError, NotAllowed):
            return False
        if entry.get_status(refresh=False) is JobStatus.STARTED:
            return bool(entry.worker_name) and self._is_current_job(str(entry.worker_name), entry_id)
        if self._redis.lpos(queue.key, entry_id) is not None:
            return True
        if self._redis.lpos(queue.intermediate_queue_key, entry_id) is not None:
            return self._is_being_handed_over(entry_id)
        return False

    def _is_being_handed_over(self, entry_id: str) -> bool:
        """Whether an entry was first found between queue and worker within HANDOVER_S, by the server's clock."""
        key = f"masklet:handover:{entry_id}"
        if self._redis.set(key, 1, nx=True, ex=FAILURE_TTL_S):
            return True
        return int(self._redis.ttl(key)) > FAILURE_TTL_S - HANDOVER_S

    def _remove(self, job: Entry) -> None:
        """Removes the entry of an earlier delivery of this attempt, so that it can be queued again."""
        entry_id = rq_id(job.job_id, job.attempt)
        queue = self._queue(job.kind)
        with self._redis.pipeline() as pipeline:
            pipeline.delete(LedgerJob.key_for(entry_id), f"masklet:handover:{entry_id}")
            for registry in (queue.failed_job_registry, queue.finished_job_registry):
                pipeline.zrem(registry.key, entry_id)
            for key in (queue.key, queue.intermediate_queue_key):
                pipeline.lrem(key, 0, entry_id)
            pipeline.execute()

    def _is_current_job(self, worker_name: str, entry_id: str) -> bool:
        """Whether a worker runs this entry now: a live worker may be the successor of the one that took it."""
        current = self._redis.hget(BaseWorker.redis_worker_namespace_prefix + worker_name, "current_job")
        return current == entry_id.encode()

    def _reports(self, kind: str) -> list[bool]:
        """For each worker that the server lists: whether it makes progress. By the server's clock."""
        keys = sorted(self._redis.smembers(WORKERS_BY_QUEUE_KEY % queue_name(kind)))
        with self._redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.pttl(key)
                pipeline.hget(key, STEP_DUE_FIELD)
            answers = pipeline.execute() if keys else []
        return [
            _makes_progress(left_ms, due)
            for left_ms, due in zip(answers[::2], answers[1::2], strict=True)
            if left_ms > 0
        ]


def _makes_progress(left_ms: int, due: bytes | None) -> bool:
    """left_ms: until the worker's key expires. due: STEP_DUE_FIELD at the last heartbeat; None: it says nothing."""
    age_s = ALIVE_S - left_ms / 1000
    return age_s < min(SILENT_S, float(due) if due is not None else SILENT_S)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OutOfMemoryError as error:
        raise QueueUnavailable("the queue's server is out of memory; give it more or remove old entries") from error
    except RedisError as error:
        # the class only: the message may hold the address, and the address a password
        raise QueueUnavailable(f"the queue does not answer ({type(error).__name__}); is Redis or Valkey up?") from error
