"""The names that producer and worker agree on, and how both reach the server."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from backend.domain.jobs import JobKind

RUN_JOB = "backend.interfaces.worker.run_job"
"""The one callable that an entry of the queue may name; its arguments are the ledger's job id and the attempt."""

SERIALIZER = "json"

LONGEST_TIMEOUT_S = 7200


def queue_name(kind: JobKind) -> str:
    """The RQ queue of a kind of job."""
    return f"masklet:{kind}"


def rq_id(job_id: str, attempt: int) -> str:
    """An entry's id: one a attempt, so that a new attempt never meets what an old one left."""
    return f"{job_id}-a{attempt}"


def connect(url: str, *, timeout_s: float) -> Redis:
    """A connection that says at once what is wrong instead of trying again.

    A repeated command is not harmless: a push whose reply was lost would be done twice. Who wants to try again does
    so where that is safe. timeout_s: longest wait for a reply, seconds.
    """
    return Redis.from_url(
        url,
        socket_connect_timeout=min(timeout_s, 2.0),
        socket_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
