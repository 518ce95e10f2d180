"""Simulates the duration of a batch with more workers than this machine has cores. Nothing is measured here.

Each worker has its own device, takes the next clip after the last one, and needs the service time of a measured clip.
Shared resources (Label Studio, the queue server, the disk) are not simulated: the speed-up is an upper bound.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence

import numpy as np

WORKERS = (1, 2, 4, 8, 16)
CLIPS = 1000


def service_seconds(done_s: Sequence[float]) -> list[float]:
    """The seconds of each clip after the first. done_s: completion times of one busy worker, ascending."""
    return [later - earlier for earlier, later in itertools.pairwise(done_s)]


def batch_seconds(service_s: Sequence[float], *, workers: int) -> float:
    """Seconds from the start to the end of the last clip, taken in order. Raises ValueError without a worker."""
    if workers < 1:
        raise ValueError(f"{workers} workers do nothing; at least one is needed")
    free_at = [0.0] * workers
    for seconds in service_s:
        heapq.heapreplace(free_at, free_at[0] + seconds)
    return max(free_at)


def simulated(done_s: Sequence[float], *, clips: int = CLIPS, seed: int = 0) -> dict[str, object]:
    """Seconds and speed-up of a batch with service times drawn from the measured ones; empty below two clips."""
    measured = service_seconds(done_s)
    if not measured:
        return {}
    drawn = np.random.default_rng(seed).choice(measured, clips).tolist()
    one_worker_s = batch_seconds(drawn, workers=1)
    rows = {str(workers): batch_seconds(drawn, workers=workers) for workers in WORKERS}
    return {
        "clips": clips,
        "seconds_by_workers": {name: round(seconds, 1) for name, seconds in rows.items()},
        "speed_up_by_workers": {name: round(one_worker_s / seconds, 2) for name, seconds in rows.items()},
    }
