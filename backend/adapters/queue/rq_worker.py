"""The RQ worker: one process, one queue, the model resident.

RQ's loop quits at the first error of the server and leaves its job in limbo if it is stopped at the wrong moment;
ours goes on. What RQ notes about a job is bookkeeping: the ledger was told by the job itself.

- SIGTERM and SIGINT only raise a flag. The job asks `is_stopping` between frames and goes back to the ledger.
- A server that is away is waited for, and the worker signs up again when it is back, also if it forgot everything.
- Signs of life come from a thread, every few seconds: RQ's SimpleWorker gives none while it works, and would be
  listed for hours after it was killed.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from redis import RedisError
from redis.client import Pipeline
from rq import Queue, SimpleWorker, worker_registration
from rq.exceptions import DequeueTimeout
from rq.job import Job as RqJob
from rq.utils import now, utcformat
from rq.worker import WorkerStatus

from backend.adapters.queue.ledger_job import LedgerJob
from backend.adapters.queue.names import SERIALIZER, connect, queue_name
from backend.domain.jobs import JobKind

logger = logging.getLogger(__name__)

POLL_S = 1
"""How long one wait for a job lasts; a worker that is idle notices within it that it should stop."""

BEAT_S = 10.0
ALIVE_S = 60
"""A worker that gave no sign of life for so long is gone."""

WORKER_TTL_S = 120
MAINTENANCE_S = 60
REPLY_TIMEOUT_S = 10.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


class MaskletWorker(SimpleWorker):
    """Works one queue until it is told to stop."""

    def __init__(self, url: str, kind: JobKind, *, name: str) -> None:
        """url: the server's address. name: unique among living workers; the ledger's jobs carry it."""
        self._stopping = threading.Event()
        connection = connect(url, timeout_s=REPLY_TIMEOUT_S)
        queue = Queue(queue_name(kind), connection=connection, serializer=SERIALIZER, job_class=LedgerJob)
        # prepare_for_work asks the server for our own address: a server that is away must not keep us from starting
        super().__init__(
            [queue],
            name=name,
            connection=connection,
            job_class=LedgerJob,
            serializer=SERIALIZER,
            maintenance_interval=MAINTENANCE_S,
            worker_ttl=WORKER_TTL_S,
            log_job_description=False,
            prepare_for_work=False,
        )
        self.log_result_lifespan = False

    @property
    def connection_timeout(self) -> int:
        """RQ raises the connection's timeout to this; ours waits a second at a time and needs no more."""
        return int(REPLY_TIMEOUT_S)

    def is_stopping(self) -> bool:
        """Whether the worker was asked to stop; a job asks between frames."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Stop after the current job, which is expected to end early. From any thread, or a signal handler."""
        self._stopping.set()

    def run(self, *, burst: bool = False) -> int:
        """Work until stopped, or with burst until the queue is empty; returns how many jobs were taken."""
        taken = 0
        pause_s = FIRST_PAUSE_S
        self._install_signal_handlers()
        with self._beating():
            while not self.is_stopping():
                try:
                    found = self._work_once()
                    pause_s = FIRST_PAUSE_S
                except RedisError as error:
                    logger.warning("worker %s: the queue does not answer (%s)", self.name, type(error).__name__)
                    self._stopping.wait(pause_s)
                    pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                    continue
                except Exception as error:  # an entry that cannot even be read must not stop the others
                    self._drop_unreadable(error)
                    continue
                taken += found
                if burst and not found:
                    break
        return taken

    def _work_once(self) -> bool:
        """Take one job and do it; False if there was none."""
        if self.birth_date is None:
            self.register_birth()
        if self.should_run_maintenance_tasks:
            self.run_maintenance_tasks()
        try:
            result = Queue.dequeue_any(
                self.queues, POLL_S, connection=self.connection, job_class=LedgerJob, serializer=SERIALIZER
            )
        except DequeueTimeout:
            return False
        if result is None:
            return False
        job, queue = result
        logger.info("worker %s takes %s", self.name, job.id)
        self.execute_job(job, queue)
        self.heartbeat()  # RQ's counters may have made the worker's key anew, without an end
        return True

    def execute_job(self, job: RqJob, queue: Queue) -> None:
        """Do one job; whatever it raises is recorded. What cannot be recorded is left to the ledger."""
        try:
            super().execute_job(job, queue)
        finally:
            self._state = WorkerStatus.IDLE

    def _drop_unreadable(self, error: Exception) -> None:
        """Put aside an entry that is not one of ours: it would come back as stuck forever."""
        entry_id = getattr(error, "job_id", None)
        logger.error("worker %s: entry %s was refused: %s", self.name, entry_id, error)
        if entry_id is None:
            self._stopping.wait(FIRST_PAUSE_S)
            return
        try:
            with self.connection.pipeline() as pipeline:
                pipeline.lrem(self.queues[0].intermediate_queue_key, 0, entry_id)
                pipeline.delete(LedgerJob.key_for(entry_id))
                pipeline.execute()
        except RedisError:
            logger.warning("worker %s: entry %s could not be removed", self.name, entry_id)

    def run_maintenance_tasks(self) -> None:
        """Clean RQ's registries; an entry in them that is not ours must not stop the worker."""
        try:
            self.clean_registries()  # type: ignore[no-untyped-call]
        except RedisError:
            raise
        except Exception:
            logger.exception("worker %s: cleaning the queue's registries failed", self.name)
            self.last_cleaned_at = now()  # type: ignore[assignment]  # RQ declares it as None

    # signs of life

    def register_birth(self) -> None:
        """Sign up, also over what a killed namesake left."""
        self.birth_date = self.last_heartbeat = now()
        self.connection.delete(self.key)
        self.heartbeat()

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Say that this worker lives, for the next minute; signs up again if the server forgot it.

        timeout is RQ's idea of how long (a job's whole timeout) and is not used.
        """
        self.last_heartbeat = now()
        if pipeline is not None:
            pipeline.hset(self.key, "last_heartbeat", utcformat(self.last_heartbeat))
            pipeline.expire(self.key, ALIVE_S)
            return
        with self.connection.pipeline() as own:
            for name, value in self._card().items():
                own.hset(self.key, name, value)
            worker_registration.register(self, own)
            own.expire(self.key, ALIVE_S)
            own.execute()

    def _card(self) -> dict[str, str]:
        assert self.birth_date is not None
        assert self.last_heartbeat is not None
        return {
            "birth": utcformat(self.birth_date),
            "last_heartbeat": utcformat(self.last_heartbeat),
            "queues": ",".join(self.queue_names()),
            "state": str(self.get_state()),
            "version": self.version,
            "python_version": self.python_version,
        }

    @contextmanager
    def _beating(self) -> Iterator[None]:
        ended = threading.Event()
        beat = threading.Thread(target=self._beat, args=(ended,), name=f"beat-{self.name}", daemon=True)
        beat.start()
        try:
            yield
        finally:
            ended.set()
            beat.join(timeout=REPLY_TIMEOUT_S)
            try:
                self.register_death()  # type: ignore[no-untyped-call]
            except RedisError:
                logger.debug("worker %s: its key will expire", self.name)
            self.connection.close()

    def _beat(self, ended: threading.Event) -> None:
        while not ended.wait(BEAT_S):
            if self.birth_date is None:
                continue
            try:
                self.heartbeat()
            except RedisError as error:
                logger.debug("worker %s: no sign of life given: %s", self.name, type(error).__name__)

    # stopping

    def _install_signal_handlers(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self.request_stop)
            signal.signal(signal.SIGTERM, self.request_stop)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Raise the flag and nothing else: a signal handler may have interrupted anything, even the server's client."""
        self._stopping.set()
