"""How long a batch takes with more workers than this machine has cores for: a queue played through, not measured.

Every worker has a device of its own, takes the next clip when it is done with one, and needs for each clip what a real
worker was seen to need. What workers share (Label Studio, the queue server, the disk) is not in it: an upper bound.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence

import numpy as np

WORKERS = (1, 2, 4, 8, 16)
CLIPS = 1000


def service_seconds(done_s: Sequence[float]) -> list[float]:
    """What each clip after the first took, from the moments at which one busy worker's clips were done, ascending."""
    return [later - earlier for earlier, later in itertools.pairwise(done_s)]


def batch_seconds(service_s: Sequence[float], *, workers: int) -> float:
    """From the start until the last clip is done; clips are taken in order. Raises ValueError without a worker."""
    if workers < 1:
        raise ValueError(f"{workers} workers do nothing; at least one is needed")
    free_at = [0.0] * workers
    for seconds in service_s:
        heapq.heapreplace(free_at, free_at[0] + seconds)
    return max(free_at)


def simulated(done_s: Sequence[float], *, clips: int = CLIPS, seed: int = 0) -> dict[str, object]:
    """Seconds and speed-up for a batch of clips, their times drawn from those seen; empty if fewer than two were."""
    seen = service_seconds(done_s)
    if not seen:
        return {}
    drawn = np.random.default_rng(seed).choice(seen, clips).tolist()
    alone = batch_seconds(drawn, workers=1)
    rows = {str(workers): batch_seconds(drawn, workers=workers) for workers in WORKERS}
    return {
        "clips": clips,
        "seconds_by_workers": {name: round(seconds, 1) for name, seconds in rows.items()},
        "speed_up_by_workers": {name: round(alone / seconds, 2) for name, seconds in rows.items()},
    }
