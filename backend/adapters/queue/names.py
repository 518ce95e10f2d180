"""Names shared by producer and worker, and the connection to the server."""

from __future__ import annotations

from typing import Protocol

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from backend.domain.training.rows import TRAIN

RUN_JOB = "backend.interfaces.worker.run_job"
"""The only callable of a queue entry; its arguments are the ledger's job id and the attempt."""

SERIALIZER = "json"

LONGEST_TIMEOUT_S = 7200
LONGEST_TRAINING_S = 30 * 24 * 3600
"""A training has its own end; RQ needs a number."""

ALIVE_S = 60
"""The queue drops a worker without a heartbeat for this time."""

BEAT_S = 10.0
SILENT_S = 25.0
"""A worker without a heartbeat for this time is silent: two beats were lost."""

STEP_DUE_FIELD = "step_due_s"
"""A field of a worker's heartbeat: the seconds within which it had to make its next step of work."""


class Entry(Protocol):
    """What an entry of a queue stands for: an attempt at a job or at a training."""

    @property
    def job_id(self) -> str: ...

    @property
    def attempt(self) -> int: ...

    @property
    def kind(self) -> str: ...


def queue_name(kind: str) -> str:
    """The RQ queue of a kind of job, or of trainings."""
    return f"masklet:{kind}"


def longest_s(kind: str) -> int:
    """The longest run of an entry, in seconds."""
    return LONGEST_TRAINING_S if kind == TRAIN else LONGEST_TIMEOUT_S


def rq_id(job_id: str, attempt: int) -> str:
    """An entry's id: one per attempt, so a new attempt never collides with the entry of an old one."""
    return f"{job_id}-a{attempt}"


def connect(url: str, *, timeout_s: float) -> Redis:
    """A connection without retries.

    A repeated command is not harmless: a push whose reply was lost would run twice. Callers retry where it is safe.
    timeout_s: the longest wait for a reply, in seconds.
    """
    return Redis.from_url(
        url,
        socket_connect_timeout=min(timeout_s, 2.0),
        socket_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
