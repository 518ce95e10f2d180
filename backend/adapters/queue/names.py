"""Names shared by producer and worker, and the connection to the server."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from backend.domain.jobs import JobKind

RUN_JOB = "backend.interfaces.worker.run_job"
"""The only callable of a queue entry; its arguments are the ledger's job id and the attempt."""

SERIALIZER = "json"

LONGEST_TIMEOUT_S = 7200

ALIVE_S = 60
"""The queue drops a worker without a heartbeat for this time."""

BEAT_S = 10.0
SILENT_S = 25.0
"""A worker without a heartbeat for this time is silent: two beats were lost."""

STEP_DUE_FIELD = "step_due_s"
"""A field of a worker's heartbeat: the seconds within which it had to make its next step of work."""


def queue_name(kind: JobKind) -> str:
    """The RQ queue of a kind of job."""
    return f"masklet:{kind}"


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
