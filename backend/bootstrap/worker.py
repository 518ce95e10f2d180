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
from backend.adapters.queue.signals import RedisBell, RedisWarmBoard
from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.weights.calibrators import load_calibrator
from backend.adapters.store.masks.coco import CocoCodec
from backend.application.jobs.submit import Submitter
from backend.application.ports.notifier import AWAITED, Bell, NoBell
from backend.application.ports.prewarm import WarmBoard, Wish, around
from backend.application.worker.job_runner import Workbench
from backend.application.worker.scheduling.engine_turns import Turns
from backend.application.worker.scheduling.prewarm_loop import Lookout
from backend.application.worker.scheduling.priority_jobs import Guests
from backend.bootstrap.container import (
    SystemClock,
    data_folder,
    model_folder,
    open_ledger_of,
    open_masks,
    open_model_board,
    open_notes,
    open_queue,
    queue_address,
)
from backend.bootstrap.engine import build_engine
from backend.bootstrap.media import open_media_library
from backend.domain.jobs import Job, JobKind, JobState, PreviewRequest
from backend.settings import Settings

logger = logging.getLogger(__name__)

SWEEP_EVERY_S = 3600.0
LEFTOVER_S = 24 * 3600.0
LOOKOUT_WAIT_S = 1.0
GUEST_WAIT_S = 0.25
"""The bell rings for who begins to wait, and may be lost."""

IDLE_WAIT_S = 0.05
"""An idle worker takes from the queue whatever is first there; then others may have to go before that."""

LOOKS_A_LISTENING = 240
"""Now and then the worker listens anew: the queue's server may have been away when it began to."""

GOODBYE_S = 4.0
LOWEST_PRIORITY = 19
"""Of the system's scheduler: what is done ahead of need runs when nobody else wants the processor."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What RQ's callable needs: the workbench, whether the worker was asked to stop, and what comes after a job.

    prewarm_frames: how many frames to either side of a click are looked at ahead of the next one.
    """

    bench: Workbench
    is_stopping: Callable[[], bool]
    bell: Bell = field(default_factory=NoBell)
    turns: Turns = field(default_factory=Turns)
    board: WarmBoard | None = None
    prewarm_frames: int = 0

    def run(self, job_id: str, attempt: int) -> Job:
        """Do one attempt, wake who waits for it, and wish for the frames around a click."""
        with self.turns.work():
            job = self.bench.run(job_id, attempt, self.is_stopping)
        self.bell.ring(job_id)
        if self.board is not None and self.prewarm_frames and job.state is JobState.DONE:
            self._wish_around(job_id, self.board)
        return job

    def _wish_around(self, job_id: str, board: WarmBoard) -> None:
        request = self.bench.ledger.request(job_id)
        if isinstance(request, PreviewRequest):
            board.ask(Wish(request.media, around(request.frame_index, self.prewarm_frames)))


_runtime: list[Runtime] = []
"""The one process-wide object: RQ calls a function by its name and passes nothing but ids."""


def runtime() -> Runtime:
    """The runtime of this worker process. Raises RuntimeError outside of one."""
    if not _runtime:
        raise RuntimeError("this process is not a Masklet worker; start one with `masklet worker`")
    return _runtime[0]


def run_worker(settings: Settings, kind: JobKind, name: str | None) -> None:
    """Load the model, say which one it is, and work on one queue until stopped.

    Raises ModelError if there is no usable checkpoint, ServiceUnavailable if there is no queue or no ledger.
    """
    worker_name = name or f"{kind}-{socket.gethostname()}-{os.getpid()}"
    worker = MaskletWorker(queue_address(settings), kind, name=worker_name)
    bench = build_workbench(settings, worker_name)
    if isinstance(bench.segmenter, Sam2Engine):
        bench.segmenter.warm_up()
    open_model_board(settings).announce(bench.segmenter.model)
    logger.info("worker %s: %s on %s", worker_name, bench.segmenter.model.version, bench.segmenter.model.device)
    runtime = _runtime_of(settings, bench, worker, kind)
    _runtime.append(runtime)
    try:
        with (
            _sweeping(settings),
            _looking_ahead(runtime, worker.is_stopping),
            _taking_in_guests(runtime, kind, worker.is_stopping),
        ):
            worker.run()
    finally:
        _runtime.clear()


@contextmanager
def _taking_in_guests(runtime: Runtime, kind: JobKind, is_stopping: Callable[[], bool]) -> Iterator[None]:
    """While a propagation is at work, take in those that persons wait for: see application.guests."""
    if kind is not JobKind.PROPAGATE:
        yield
        return
    guests = Guests(runtime.bench, is_stopping, ended=runtime.bell.ring)

    def look(ended: threading.Event) -> None:
        while not (ended.is_set() or is_stopping()):
            with runtime.bell.listening(AWAITED, time.sleep) as wait:
                for _ in range(LOOKS_A_LISTENING):
                    wait(GUEST_WAIT_S if runtime.turns.is_working else IDLE_WAIT_S)
                    if runtime.turns.is_working:
                        guests.look()
                    if ended.is_set() or is_stopping():
                        return

    try:
        with _beside("guests", look, join_s=GOODBYE_S):
            yield
    finally:
        guests.say_goodbye(GOODBYE_S)


def _runtime_of(settings: Settings, bench: Workbench, worker: MaskletWorker, kind: JobKind) -> Runtime:
    address = queue_address(settings)
    board = RedisWarmBoard(address) if kind is JobKind.INTERACTIVE else None
    return Runtime(
        bench,
        worker.is_stopping,
        bell=RedisBell(address),
        board=board,
        prewarm_frames=settings.prewarm_frames,
    )


def build_workbench(settings: Settings, worker_name: str) -> Workbench:
    """Everything one attempt at a job needs."""
    clock = SystemClock()
    ledger = open_ledger_of(settings, clock)
    return Workbench(
        ledger=ledger,
        masks=open_masks(settings),
        codec=CocoCodec(),
        media=open_media_library(settings),
        segmenter=build_engine(settings),
        submitter=Submitter(ledger, open_queue(settings)),
        clock=clock,
        worker_name=worker_name,
        max_attempts=settings.max_attempts,
        pushes=bool(settings.label_studio_url),
        calibrator=load_calibrator(settings.model, model_folder(settings)),
        snapshot_frames=settings.snapshot_frames,
        notes=open_notes(settings),
    )


@contextmanager
def _sweeping(settings: Settings) -> Iterator[None]:
    """Now and then remove what killed attempts left in the mask store."""
    masks = open_masks(settings)

    def sweep(ended: threading.Event) -> None:
        while not ended.wait(SWEEP_EVERY_S):
            removed = masks.sweep(LEFTOVER_S)
            if removed:
                logger.info("removed %d leftover mask runs in %s", len(removed), data_folder(settings).masks)

    with _beside("mask-sweep", sweep):
        yield


@contextmanager
def _looking_ahead(runtime: Runtime, is_stopping: Callable[[], bool]) -> Iterator[None]:
    """Grant wishes in a thread of its own, at the lowest priority: between two jobs, and never instead of one."""
    engine = runtime.bench.segmenter
    if runtime.board is None or not isinstance(engine, Sam2Engine):
        yield
        return
    lookout = Lookout(runtime.board, runtime.bench.media, engine, runtime.turns)

    def look(ended: threading.Event) -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
        while not (ended.is_set() or is_stopping()):
            lookout.watch(LOOKOUT_WAIT_S)

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
