"""A worker process, put together: the model resident, the media cache, the ledger, and one queue."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from backend.adapters.queue.worker import MaskletWorker
from backend.adapters.sam2.engine import load_engine
from backend.adapters.store.coco import CocoCodec
from backend.application.requests import JobKind
from backend.application.submit import Submitter
from backend.application.work import Workbench
from backend.bootstrap.media import open_media_library
from backend.bootstrap.parts import (
    SystemClock,
    data_folder,
    model_folder,
    open_ledger_of,
    open_masks,
    open_model_board,
    open_queue,
    queue_address,
)
from backend.settings import Settings

logger = logging.getLogger(__name__)

SWEEP_EVERY_S = 3600.0
LEFTOVER_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Runtime:
    """What RQ's callable needs: the workbench, and whether the worker was asked to stop."""

    bench: Workbench
    is_stopping: Callable[[], bool]


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
    open_model_board(settings).announce(bench.segmenter.model)
    logger.info("worker %s: %s on %s", worker_name, bench.segmenter.model.version, bench.segmenter.model.device)
    _runtime.append(Runtime(bench, worker.is_stopping))
    try:
        with _sweeping(settings):
            worker.run()
    finally:
        _runtime.clear()


def build_workbench(settings: Settings, worker_name: str) -> Workbench:
    """Everything one attempt at a job needs."""
    clock = SystemClock()
    ledger = open_ledger_of(settings, clock)
    return Workbench(
        ledger=ledger,
        masks=open_masks(settings),
        codec=CocoCodec(),
        media=open_media_library(settings),
        segmenter=load_engine(
            settings.model, model_dir=model_folder(settings), device=settings.device, threads=settings.threads
        ),
        submitter=Submitter(ledger, open_queue(settings)),
        clock=clock,
        worker_name=worker_name,
        max_attempts=settings.max_attempts,
        pushes=bool(settings.label_studio_url),
    )


@contextmanager
def _sweeping(settings: Settings) -> Iterator[None]:
    """Now and then remove what killed attempts left in the mask store."""
    ended = threading.Event()
    masks = open_masks(settings)

    def sweep() -> None:
        while not ended.wait(SWEEP_EVERY_S):
            removed = masks.sweep(LEFTOVER_S)
            if removed:
                logger.info("removed %d leftover mask runs in %s", len(removed), data_folder(settings).masks)

    thread = threading.Thread(target=sweep, name="mask-sweep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
