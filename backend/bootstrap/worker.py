"""Wiring of a worker process: the resident model, the media cache, the ledger, one queue."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from backend.adapters.labelstudio.api.sdk import load_sdk
from backend.adapters.queue.hover_channel import RedisHoverChannel
from backend.adapters.queue.job_notifier import RedisNotifier
from backend.adapters.queue.model_announcement import kept_announced
from backend.adapters.queue.rq_worker import MaskletWorker
from backend.adapters.queue.signals import RedisPrewarmChannel
from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.weights.calibrators import load_calibrator
from backend.application.jobs.submit import Submitter
from backend.application.ports.measuring.log_fields import log_everywhere
from backend.application.ports.notifier import WAITER_ADDED, Notifier
from backend.application.ports.requests.prewarm import PrewarmChannel, PrewarmRequest, frames_around
from backend.application.worker.hover_loop import HoverLoop, HoverParts
from backend.application.worker.job_runner import JobRunner
from backend.application.worker.scheduling.click_order import ClickOrder
from backend.application.worker.scheduling.engine_turns import EngineLock
from backend.application.worker.scheduling.media_waits import MediaWaits
from backend.application.worker.scheduling.prewarm_loop import PrewarmLoop
from backend.application.worker.scheduling.priority_jobs import PriorityJobs
from backend.application.worker.threads import in_thread
from backend.bootstrap.container import Container
from backend.bootstrap.detection.answering import answering_detections
from backend.bootstrap.engine import build_engine
from backend.bootstrap.heartbeat import beating, own_worker_name, work_bound_s
from backend.bootstrap.masks.check import require_store
from backend.bootstrap.media import open_task_media
from backend.bootstrap.monitoring.published import publishing
from backend.bootstrap.training.model_use import ModelWatch
from backend.codecs.coco_rle import CocoCodec
from backend.domain.jobs import FETCH_A_REAL_ONE, Job, JobKind, JobState, PreviewRequest

logger = logging.getLogger(__name__)

PREWARM_WAIT_S = 1.0
HOVER_WAIT_S = 1.0
PRIORITY_POLL_S = 0.25
"""A new waiter is notified; the notification may be lost, so the ledger is polled too."""

IDLE_WAIT_S = 0.25
"""How soon an idle worker notices that it is to stop."""

POLLS_PER_SUBSCRIPTION = 240
"""Polls per subscription: the subscription is renewed, for the queue's server may have been away when it began."""

MEDIA_POLL_S = 0.02
JOIN_TIMEOUT_S = 4.0
LOWEST_PRIORITY = 19
"""The niceness of prewarming: it gets the processor when no other thread needs it."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What RQ's callable needs: the job runner, the stop flag, and what follows a job.

    prewarm_frames: the number of frames before and after a click that are prewarmed.
    """

    job_runner: JobRunner
    is_stopping: Callable[[], bool]
    notifier: Notifier
    engine_lock: EngineLock = field(default_factory=EngineLock)
    prewarm_channel: PrewarmChannel | None = None
    prewarm_frames: int = 0
    click_order: ClickOrder | None = None
    """Chooses the click of a turn; None: the job of the entry is run."""

    between_jobs: Callable[[], None] = lambda: None

    def run(self, job_id: str, attempt: int) -> Job:
        """Runs one attempt, notifies its waiters, and requests prewarming of the frames around a click."""
        if self.click_order is not None:
            return self._run_click(self.click_order, job_id)
        return self._run(job_id, attempt)

    def _run_click(self, order: ClickOrder, job_id: str) -> Job:
        """Runs the click that is due; another one if a second worker claims it first. Without one, runs nothing."""
        tried: set[tuple[str, int]] = set()
        while (click := order.next(tried)) is not None:
            job = self._run(click.job_id, click.attempt)
            if job.worker == self.job_runner.worker_name or job.attempt != click.attempt:
                return job
            tried.add((click.job_id, click.attempt))
        return self.job_runner.ledger.job(job_id)

    def _run(self, job_id: str, attempt: int) -> Job:
        with self.engine_lock.work():
            job = self.job_runner.run(job_id, attempt, self.is_stopping)
        self.notifier.notify(job_id)
        self.between_jobs()
        if self.prewarm_channel is not None and self.prewarm_frames and job.state is JobState.DONE:
            self._request_prewarm_around(job_id, self.prewarm_channel)
        return job

    def _request_prewarm_around(self, job_id: str, channel: PrewarmChannel) -> None:
        request = self.job_runner.ledger.request(job_id)
        if isinstance(request, PreviewRequest):
            frames = frames_around(request.frame_index, self.prewarm_frames)
            channel.request(PrewarmRequest(request.media, frames, task=request.task))


_runtime: list[Runtime] = []
"""The one process-wide object: RQ calls a function by name and passes only ids."""


def runtime() -> Runtime:
    """The runtime of this worker process. Raises RuntimeError outside of one."""
    if not _runtime:
        raise RuntimeError("this process is not a Masklet worker; start one with `masklet worker`")
    return _runtime[0]


def build_job_runner(container: Container, worker_name: str, media_waits: MediaWaits | None = None) -> JobRunner:
    """The job runner with its adapters."""
    if container.settings.label_studio_url:
        load_sdk()
    engine = build_engine(container, shares_cores=True)
    return JobRunner(
        ledger=container.ledger,
        masks=container.masks,
        codec=CocoCodec(),
        media=open_task_media(container),
        segmenter=engine,
        submitter=Submitter(container.ledger, container.queue),
        clock=container.clock,
        worker_name=worker_name,
        max_attempts=container.settings.max_attempts,
        pushes=bool(container.settings.label_studio_url),
        calibrator=load_calibrator(engine.model.name, container.model_folder, image_size=engine.model.image_size),
        snapshot_frames=container.settings.snapshot_frames,
        key_values=container.key_values,
        media_waits=media_waits,
    )


BuildRunner = Callable[[Container, str, MediaWaits], JobRunner]
"""Makes the job runner of a worker of this name."""


def run_worker(
    container: Container, kind: JobKind, name: str | None, build_runner: BuildRunner = build_job_runner
) -> bool:
    """Loads the model, announces it, and runs the jobs of one queue until stopped: True if another model is in use.

    build_runner: another one runs the jobs by a stand-in for the engine.
    Raises ModelError if there is no usable checkpoint, ServiceUnavailable if there is no queue or no ledger,
    InvalidInput or StoreRefused if the store of masks cannot work.
    """
    worker_name = name or own_worker_name(kind)
    require_store(container)
    log_everywhere(worker=worker_name)
    with beating(container, worker_name) as heartbeat:
        worker = MaskletWorker(
            container.queue_address, kind, name=worker_name, steps=heartbeat, find_job=container.ledger.job
        )
        notifier, watch = RedisNotifier(container.queue_address), ModelWatch(container, worker.stop)
        media_waits = MediaWaits(ended=notifier.notify)
        job_runner = build_runner(container, worker_name, media_waits)
        if isinstance(job_runner.segmenter, Sam2Engine):
            job_runner.segmenter.warm_up()
        container.model_announcement.announce(job_runner.segmenter.model)
        model = job_runner.segmenter.model
        logger.info("worker %s: %s on %s", worker_name, model.version, model.device)
        if model.is_demo:
            logger.warning("this is the demo model, which is not for real work. %s", FETCH_A_REAL_ONE)
        runtime = replace(_runtime_of(container, job_runner, worker, kind, notifier), between_jobs=watch.check)
        _runtime.append(runtime)
        heartbeat.allow(work_bound_s(container))
        try:
            with (
                _waiting_for_media(media_waits),
                kept_announced(container.model_announcement, model),
                _prewarming(runtime, worker.is_stopping),
                _answering_hovers(container, runtime, kind, worker.is_stopping),
                answering_detections(container, job_runner.media, kind, worker.is_stopping),
                _running_priority_jobs(runtime, kind, worker.is_stopping),
                watch.watching(lambda: runtime.engine_lock.is_working),
                publishing(container, worker_name, model.device),
            ):
                worker.run()
        finally:
            _runtime.clear()
    return watch.has_changed


@contextmanager
def _running_priority_jobs(runtime: Runtime, kind: JobKind, is_stopping: Callable[[], bool]) -> Iterator[None]:
    """Runs propagations with a waiter beside the worker's own job: see application/worker/scheduling."""
    if kind is not JobKind.PROPAGATE:
        yield
        return
    priority_jobs = PriorityJobs(runtime.job_runner, is_stopping, ended=runtime.notifier.notify)

    def poll(ended: threading.Event) -> None:
        while not (ended.is_set() or is_stopping()):
            # An idle worker takes the first job of the queue; jobs with a waiter may have to run before it.
            if not runtime.engine_lock.wait_for_work(IDLE_WAIT_S):
                continue
            with runtime.notifier.subscribed(WAITER_ADDED, time.sleep) as wait:
                for _ in range(POLLS_PER_SUBSCRIPTION):
                    if ended.is_set() or is_stopping() or not runtime.engine_lock.is_working:
                        break
                    priority_jobs.poll()
                    wait(PRIORITY_POLL_S)

    try:
        with in_thread("priority-jobs", poll, join_s=JOIN_TIMEOUT_S):
            yield
    finally:
        priority_jobs.join(JOIN_TIMEOUT_S)


def _runtime_of(
    container: Container, job_runner: JobRunner, worker: MaskletWorker, kind: JobKind, notifier: Notifier
) -> Runtime:
    return Runtime(
        job_runner,
        worker.is_stopping,
        notifier=notifier,
        prewarm_channel=RedisPrewarmChannel(container.queue_address) if kind is JobKind.INTERACTIVE else None,
        prewarm_frames=container.settings.prewarm_frames,
        click_order=ClickOrder(container.ledger, container.clock) if kind is JobKind.INTERACTIVE else None,
    )


@contextmanager
def _waiting_for_media(waits: MediaWaits) -> Iterator[None]:
    """Looks after the jobs that wait for media, in a thread of its own. At the end they go back to the queue."""

    def poll(ended: threading.Event) -> None:
        while not ended.is_set():
            if waits.wait_for_some(IDLE_WAIT_S):
                waits.poll()
                ended.wait(MEDIA_POLL_S)

    try:
        with in_thread("media-waits", poll, join_s=JOIN_TIMEOUT_S):
            yield
    finally:
        waits.poll()


@contextmanager
def _prewarming(runtime: Runtime, is_stopping: Callable[[], bool]) -> Iterator[None]:
    """Prewarms in a thread of the lowest priority, between two jobs."""
    engine = runtime.job_runner.segmenter
    if runtime.prewarm_channel is None or not isinstance(engine, Sam2Engine):
        yield
        return
    loop = PrewarmLoop(runtime.prewarm_channel, runtime.job_runner.media, engine, runtime.engine_lock)

    def prewarm(ended: threading.Event) -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
        while not (ended.is_set() or is_stopping()):
            loop.run_next(PREWARM_WAIT_S)

    with in_thread("prewarm", prewarm):
        yield


@contextmanager
def _answering_hovers(
    container: Container, runtime: Runtime, kind: JobKind, is_stopping: Callable[[], bool]
) -> Iterator[None]:
    """Answers hovers in a thread of its own, between two jobs."""
    if kind is not JobKind.INTERACTIVE:
        yield
        return
    runner = runtime.job_runner
    parts = HoverParts(
        runner.media, runner.segmenter, runner.codec, runner.calibrator, runtime.engine_lock, container.clock
    )
    loop = HoverLoop(RedisHoverChannel(container.queue_address), parts)

    def answer(ended: threading.Event) -> None:
        while not (ended.is_set() or is_stopping()):
            loop.run_next(HOVER_WAIT_S)

    with in_thread("hovers", answer):
        yield
