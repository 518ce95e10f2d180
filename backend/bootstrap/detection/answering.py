"""Wiring of detections in a worker that answers clicks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from backend.adapters.queue.detection_channel import RedisDetectionChannel
from backend.application.ports.media import TaskMediaLibrary
from backend.application.worker.detection_loop import DetectionLoop
from backend.application.worker.threads import in_thread
from backend.bootstrap.container import Container
from backend.bootstrap.detection.detector import load_detector
from backend.domain.jobs import JobKind

WAIT_S = 1.0


@contextmanager
def answering_detections(
    container: Container, media: TaskMediaLibrary, kind: JobKind, is_stopping: Callable[[], bool]
) -> Iterator[None]:
    """Answers detections in a thread of its own, beside clicks. The detector is loaded for the first one."""
    if kind is not JobKind.INTERACTIVE:
        yield
        return
    loop = DetectionLoop(
        RedisDetectionChannel(container.queue_address), media, lambda: load_detector(container, shares_cores=True)
    )

    def answer(ended: threading.Event) -> None:
        while not (ended.is_set() or is_stopping()):
            loop.run_next(WAIT_S)

    with in_thread("detections", answer):
        yield
