"""Which worker has a task's frames and features: the one that worked on it last.

A worker that takes an entry of another worker's task leaves it to that one once, if that one is idle: it gets the entry
at once, for it waits for the queue. If it is busy, or does not take it within LEAVE_S, the entry is anybody's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from redis import Redis, RedisError
from rq import Queue
from rq.worker import BaseWorker
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from backend.domain.errors import MaskletError
from backend.domain.jobs import Job

logger = logging.getLogger(__name__)

HELD_S = 3600
"""How long the frames of a task count as held: caches drop what was not used for long."""

LEAVE_S = 0.2
"""The pause of the worker that left an entry."""

LEFT_TTL_S = 60

FindJob = Callable[[str], Job]
"""The ledger's job of an id. Raises MaskletError."""


class FrameHolders:
    """The holders of one queue's tasks, as one worker sees them. Everything in it may be lost."""

    def __init__(self, redis: Redis, queue: Queue, worker: str, find_job: FindJob) -> None:
        self._redis = redis
        self._queue = queue
        self._worker = worker
        self._find_job = find_job

    def leaves(self, entry_id: str, job_id: str) -> bool:
        """Whether an entry that this worker has taken went back to the queue, for the holder of its task's frames.

        Else this worker is the holder from now on. Without an answer from the server it works.
        """
        try:
            if int(self._redis.scard(WORKERS_BY_QUEUE_KEY % self._queue.name)) < 2:
                return False
            task = self._find_job(job_id).task
            key = f"masklet:frames:{self._queue.name}:{task.project_id}-{task.task_id}"
            found = self._redis.get(key)
            holder = found.decode() if isinstance(found, bytes) else ""
            if holder and self._is_idle(holder) and self._is_first_time(entry_id):
                self._give_back(entry_id)
                logger.info("entry %s is left to the worker %s, which has its frames", entry_id, holder)
                return True
            self._redis.set(key, self._worker, ex=HELD_S)
        except (RedisError, MaskletError) as error:
            logger.debug("entry %s: who has its frames is not known: %s", entry_id, type(error).__name__)
        return False

    def _is_idle(self, worker: str) -> bool:
        """Whether another worker is alive and has no job."""
        if worker == self._worker:
            return False
        key = BaseWorker.redis_worker_namespace_prefix + worker
        birth, current = self._redis.hmget(key, ["birth", "current_job"])
        return birth is not None and not current

    def _is_first_time(self, entry_id: str) -> bool:
        return bool(self._redis.set(f"masklet:left:{entry_id}", 1, nx=True, ex=LEFT_TTL_S))

    def _give_back(self, entry_id: str) -> None:
        """To the head of the queue, in one step: a worker that dies here leaves the entry where it is looked for."""
        with self._redis.pipeline() as pipeline:
            pipeline.lrem(self._queue.intermediate_queue_key, 1, entry_id)
            pipeline.lpush(self._queue.key, entry_id)
            pipeline.delete(f"masklet:handover:{entry_id}")
            pipeline.execute()
