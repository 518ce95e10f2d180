"""Wiring of a worker's measures, which it publishes on the queue's server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from backend.adapters.queue.measures_board import PUBLISH_S
from backend.adapters.sam2.runtime.device import device_memory
from backend.application.ports.measuring.measures import gauged, measures
from backend.application.worker.threads import in_thread
from backend.bootstrap.container import Container
from backend.bootstrap.monitoring.board import open_measures_board
from backend.codecs.file_cache import FileCache


@contextmanager
def publishing(container: Container, worker_name: str, device: str) -> Iterator[None]:
    """Publishes the measures of this worker process inside, with the memory of its device, every few seconds."""
    of_device, board = torch.device(device), open_measures_board(container)

    def publish(ended: threading.Event) -> None:
        while True:
            board.publish(worker_name, measures())
            if ended.wait(PUBLISH_S):
                return

    with (
        _gauged_cache(container.mask_cache),
        gauged("device_memory_bytes", lambda: float(device_memory(of_device)[0])),
        gauged("device_memory_total_bytes", lambda: float(device_memory(of_device)[1])),
        in_thread("measures", publish),
    ):
        yield


def _gauged_cache(cache: FileCache | None) -> AbstractContextManager[None]:
    return nullcontext() if cache is None else gauged("mask_cache_bytes", lambda: float(cache.nbytes))
