"""A worker process, put together: the model resident, the media cache, the ledger, and one queue."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from backend.adapters.queue.rq_worker import MaskletWorker
from backend.adapters.queue.signals import RedisNotifier, RedisPrewarmChannel
from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.weights.calibrators import load_calibrator
from backend.application.jobs.submit import Submitter
from backend.application.ports.notifier import AWAITED, Notifier
from backend.application.ports.prewarm import PrewarmChannel, PrewarmRequest, frames_around
from backend.application.worker.job_runner import JobRunner
from backend.application.worker.scheduling.engine_turns import EngineLock
from backend.application.worker.scheduling.prewarm_loop import PrewarmLoop
from backend.application.worker.scheduling.priority_jobs import PriorityJobs
from backend.bootstrap.container import Container
from backend.bootstrap.engine import build_engine
from backend.bootstrap.media import open_media_library
from backend.codecs.coco_rle import CocoCodec
from backend.domain.jobs import Job, JobKind, JobState, PreviewRequest

logger = logging.getLogger(__name__)

SWEEP_EVERY_S = 3600.0
LEFTOVER_S = 24 * 3600.0
PREWARM_WAIT_S = 1.0
PRIORITY_POLL_S = 0.25
"""The bell rings for who begins to wait, and may be lost."""

IDLE_WAIT_S = 0.05
"""An idle worker takes from the queue whatever is first there; then others may have to go before that."""

LOOKS_A_LISTENING = 240
"""Now and then the worker listens anew: the queue's server may have been away when it began to."""

JOIN_TIMEOUT_S = 4.0
LOWEST_PRIORITY = 19
"""Of the system's scheduler: what is done ahead of need runs when nobody else wants the processor."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What RQ's callable needs: the workbench, whether the worker was asked to stop, and what comes after a job.

    prewarm_frames: how many frames to either side of a click are looked at ahead of the next one.
    """

    job_runner: JobRunner
    is_stopping: Callable[[], bool]
    notifier: Notifier
    engine_lock: EngineLock = field(default_factory=EngineLock)
    prewarm_channel: PrewarmChannel | None = None
    prewarm_frames: int = 0

    def run(self, job_id: str, attempt: int) -> Job:
        """Do one attempt, wake who waits for it, and wish for the frames around a click."""
        with self.engine_lock.work():
            job = self.job_runner.run(job_id, attempt, self.is_stopping)
        self.notifier.notify(job_id)
        if self.prewarm_channel is not None and self.prewarm_frames and job.state is JobState.DONE:
            self._request_prewarm_around(job_id, self.prewarm_channel)
        return job

    def _request_prewarm_around(self, job_id: str, board: PrewarmChannel) -> None:
        request = self.job_runner.ledger.request(job_id)
        if isinstance(request, PreviewRequest):
            board.request(PrewarmRequest(request.media, frames_around(request.frame_index, self.prewarm_frames)))


_runtime: list[Runtime] = []
"""The one process-wide object: RQ calls a function by its name and passes nothing but ids."""


def runtime() -> Runtime:
    """The runtime of this worker process. Raises RuntimeError outside of one."""
    if not _runtime:
        raise RuntimeError("this process is not a Masklet worker; start one with `masklet worker`")
    return _runtime[0]


def run_worker(container: Container, kind: JobKind, name: str | None) -> None:
    """Load the model, say which one it is, and work on one queue until stopped.

    Raises ModelError if there is no usable checkpoint, ServiceUnavailable if there is no queue or no ledger.
    """
    worker_name = name or f"{kind}-{socket.gethostname()}-{os.getpid()}"
    worker = MaskletWorker(container.queue_address, kind, name=worker_name)
    bench = build_job_runner(container, worker_name)
    if isinstance(bench.segmenter, Sam2Engine):
        bench.segmenter.warm_up()
    container.model_announcement.announce(bench.segmenter.model)
    logger.info("worker %s: %s on %s", worker_name, bench.segmenter.model.version, bench.segmenter.model.device)
    runtime = _runtime_of(container, bench, worker, kind)
    _runtime.append(runtime)
    try:
        with (
            _sweeping(container),
            _prewarming(runtime, worker.is_stopping),
            _running_priority_jobs(runtime, kind, worker.is_stopping),
        ):
            worker.run()
    finally:
        _runtime.clear()


@contextmanager
def _running_priority_jobs(runtime: Runtime, kind: JobKind, is_stopping: Callable[[], bool]) -> Iterator[None]:
    """While a propagation is at work, take in those that persons wait for: see application.guests."""
    if kind is not JobKind.PROPAGATE:
        yield
        return
    guests = PriorityJobs(runtime.job_runner, is_stopping, ended=runtime.notifier.notify)

    def look(ended: threading.Event) -> None:
        while not (ended.is_set() or is_stopping()):
            with runtime.notifier.subscribed(AWAITED, time.sleep) as wait:
                for _ in range(LOOKS_A_LISTENING):
                    wait(PRIORITY_POLL_S if runtime.engine_lock.is_working else IDLE_WAIT_S)
                    if runtime.engine_lock.is_working:
                        guests.poll()
                    if ended.is_set() or is_stopping():
                        return

    try:
        with _beside("guests", look, join_s=JOIN_TIMEOUT_S):
            yield
    finally:
        guests.join(JOIN_TIMEOUT_S)


def _runtime_of(container: Container, bench: JobRunner, worker: MaskletWorker, kind: JobKind) -> Runtime:
    address = container.queue_address
    board = RedisPrewarmChannel(address) if kind is JobKind.INTERACTIVE else None
    return Runtime(
        bench,
        worker.is_stopping,
        notifier=RedisNotifier(address),
        prewarm_channel=board,
        prewarm_frames=container.settings.prewarm_frames,
    )


def build_job_runner(container: Container, worker_name: str) -> JobRunner:
    """Everything one attempt at a job needs."""
    clock = container.clock
    ledger = container.ledger
    return JobRunner(
        ledger=ledger,
        masks=container.masks,
        codec=CocoCodec(),
        media=open_media_library(container),
        segmenter=build_engine(container),
        submitter=Submitter(ledger, container.queue),
        clock=clock,
        worker_name=worker_name,
        max_attempts=container.settings.max_attempts,
        pushes=bool(container.settings.label_studio_url),
        calibrator=load_calibrator(container.settings.model, container.model_folder),
        snapshot_frames=container.settings.snapshot_frames,
        key_values=container.key_values,
    )


@contextmanager
def _sweeping(container: Container) -> Iterator[None]:
    """Now and then remove what killed attempts left in the mask store."""
    masks = container.masks

    def sweep(ended: threading.Event) -> None:
        while not ended.wait(SWEEP_EVERY_S):
            removed = masks.sweep(LEFTOVER_S)
            if removed:
                logger.info("removed %d leftover mask runs in %s", len(removed), container.folder.masks)

    with _beside("mask-sweep", sweep):
        yield


@contextmanager
def _prewarming(runtime: Runtime, is_stopping: Callable[[], bool]) -> Iterator[None]:
    """Grant wishes in a thread of its own, at the lowest priority: between two jobs, and never instead of one."""
    engine = runtime.job_runner.segmenter
    if runtime.prewarm_channel is None or not isinstance(engine, Sam2Engine):
        yield
        return
    lookout = PrewarmLoop(runtime.prewarm_channel, runtime.job_runner.media, engine, runtime.engine_lock)

    def look(ended: threading.Event) -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
        while not (ended.is_set() or is_stopping()):
            lookout.run_next(PREWARM_WAIT_S)

    with _beside("lookout", look):
        yield


@contextmanager
def _beside(name: str, work: Callable[[threading.Event], None], *, join_s: float = 0.0) -> Iterator[None]:
    """Something done in a thread of its own meanwhile, which is to end when the event is set."""
    ended = threading.Event()
    thread = threading.Thread(target=work, args=(ended,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(join_s)
