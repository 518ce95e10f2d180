"""The RQ worker: one process, one queue, the model in memory.

RQ's loop exits at the first server error and can lose its job when stopped; this loop continues. RQ's records of a job
are not used: the job itself writes its state to the ledger.

- SIGTERM and SIGINT only set a flag. The job calls `is_stopping` between frames and returns itself to the ledger.
- Without an answer from the server the worker waits, and registers again when the server answers, also after data loss.
- A thread sends a heartbeat every few seconds: RQ's SimpleWorker sends none while it works, and would be listed for
  hours after it was killed. The heartbeat says when the next step of work is due: a thread that still runs does not
  make a hung worker a live one.
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

from backend.adapters.queue.frame_holders import LEAVE_S, FindJob, FrameHolders
from backend.adapters.queue.heartbeat_file import ProcessHeartbeat
from backend.adapters.queue.ledger_job import LedgerJob
from backend.adapters.queue.names import ALIVE_S, BEAT_S, SERIALIZER, STEP_DUE_FIELD, connect, queue_name
from backend.application.ports.progress import work_moved
from backend.domain.errors import NotAllowed

logger = logging.getLogger(__name__)

POLL_S = 1
"""The longest wait for a job in seconds; an idle worker stops within it."""

WORKER_TTL_S = 120
MAINTENANCE_S = 60
REPLY_TIMEOUT_S = 10.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


class MaskletWorker(SimpleWorker):
    """Runs the jobs of one queue until it is stopped."""

    def __init__(
        self,
        url: str,
        kind: str,
        *,
        name: str,
        steps: ProcessHeartbeat | None = None,
        find_job: FindJob | None = None,
    ) -> None:
        """url: the server's address. kind: of jobs, or TRAIN. name: unique among live workers; written into the ledger.

        steps: the process's steps of work; None: the heartbeat says nothing of them.
        find_job: lets jobs go to the worker that has their task's frames; None: each entry is taken.
        """
        self._steps = steps
        self._stopping = threading.Event()
        connection = connect(url, timeout_s=REPLY_TIMEOUT_S)
        queue = Queue(queue_name(kind), connection=connection, serializer=SERIALIZER, job_class=LedgerJob)
        # prepare_for_work asks the server for the worker's address: the worker must start without a server
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
        self._holders = None if find_job is None else FrameHolders(connection, queue, name, find_job)

    @property
    def connection_timeout(self) -> int:
        """RQ raises the connection's timeout to this; one wait lasts a second and needs no more."""
        return int(REPLY_TIMEOUT_S)

    def is_stopping(self) -> bool:
        """Whether the worker is to stop; a job calls this between frames."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Stops after the current job, which ends early. Callable from any thread, or a signal handler."""
        self._stopping.set()

    def run(self, *, burst: bool = False) -> int:
        """Runs jobs until stopped, or with burst until the queue is empty; returns the count of taken jobs."""
        taken = 0
        pause_s = FIRST_PAUSE_S
        self._install_signal_handlers()
        with self._heartbeats():
            while not self.is_stopping():
                work_moved()
                try:
                    found = self._work_once()
                    pause_s = FIRST_PAUSE_S
                except RedisError as error:
                    logger.warning("worker %s: the queue does not answer (%s)", self.name, type(error).__name__)
                    self._stopping.wait(pause_s)
                    pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                    continue
                except Exception as error:  # an unreadable entry must not stop the others
                    self._drop_unreadable(error)
                    continue
                taken += found
                if burst and not found:
                    break
        return taken

    def _work_once(self) -> bool:
        """Takes and runs one job; False without a job."""
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
        if self._leaves(job):
            self._stopping.wait(LEAVE_S)
            return False
        logger.info("worker %s takes %s", self.name, job.id)
        self.execute_job(job, queue)
        self.connection.expire(self.key, ALIVE_S)  # RQ's counters may have created the worker's key without expiry
        return True

    def _leaves(self, entry: RqJob) -> bool:
        """Whether the entry went back to the queue, for another worker. A foreign one does not: its execution fails."""
        if self._holders is None:
            return False
        try:
            LedgerJob.require_allowed(entry)  # type: ignore[arg-type]
        except NotAllowed:
            return False
        return self._holders.leaves(entry.id, str(entry.args[0]))

    def execute_job(self, job: RqJob, queue: Queue) -> None:
        """Runs one job; RQ records its exception. The ledger covers an exception that is not recorded."""
        try:
            super().execute_job(job, queue)
        finally:
            self._state = WorkerStatus.IDLE

    def _drop_unreadable(self, error: Exception) -> None:
        """Removes an entry that Masklet did not write: it would return as stuck forever."""
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
        """Cleans RQ's registries; a foreign entry in them must not stop the worker."""
        try:
            self.clean_registries()  # type: ignore[no-untyped-call]
        except RedisError:
            raise
        except Exception:
            logger.exception("worker %s: cleaning the queue's registries failed", self.name)
            self.last_cleaned_at = now()  # type: ignore[assignment]  # RQ declares it as None

    # heartbeats

    def register_birth(self) -> None:
        """Registers the worker, also over the key of a killed worker of the same name."""
        self.birth_date = self.last_heartbeat = now()
        self.connection.delete(self.key)
        self.heartbeat()

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Marks the worker as alive for the next minute; registers it again if the server lost it.

        timeout: RQ's value (a job's whole timeout); not used.
        """
        self.last_heartbeat = now()
        if pipeline is not None:
            pipeline.hset(self.key, "last_heartbeat", utcformat(self.last_heartbeat))
            pipeline.expire(self.key, ALIVE_S)
            return
        with self.connection.pipeline() as transaction:
            for name, value in self._record().items():
                transaction.hset(self.key, name, value)
            worker_registration.register(self, transaction)
            transaction.expire(self.key, ALIVE_S)
            transaction.execute()

    def _record(self) -> dict[str, str]:
        assert self.birth_date is not None
        assert self.last_heartbeat is not None
        return {
            "birth": utcformat(self.birth_date),
            "last_heartbeat": utcformat(self.last_heartbeat),
            "queues": ",".join(self.queue_names()),
            "state": str(self.get_state()),
            "version": self.version,
            "python_version": self.python_version,
            **({STEP_DUE_FIELD: f"{self._steps.left_s:.1f}"} if self._steps is not None else {}),
        }

    @contextmanager
    def _heartbeats(self) -> Iterator[None]:
        ended = threading.Event()
        beat = threading.Thread(target=self._send_heartbeats, args=(ended,), name=f"beat-{self.name}", daemon=True)
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

    def _send_heartbeats(self, ended: threading.Event) -> None:
        while not ended.wait(BEAT_S):
            if self.birth_date is None:
                continue
            try:
                self.heartbeat()
            except RedisError as error:
                logger.debug("worker %s: heartbeat not sent: %s", self.name, type(error).__name__)

    # stopping

    def _install_signal_handlers(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self.request_stop)
            signal.signal(signal.SIGTERM, self.request_stop)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Only sets the flag: a signal handler may interrupt any code, also the server's client."""
        self._stopping.set()
