"""Measures of this process for /metrics: frames, times by step, hits and misses of caches, gauges.

Reported from anywhere in the process, as steps of work are (ports/progress.py): one addition under a lock. What
publishes them reads a copy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

BUCKETS_S = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)
"""Upper ends of the classes of times, in seconds: from a write to memory to a reply that a person gives up on."""

MASK_CACHE = "masks"
"""The cache of stored masks, in `looked_up`."""


@dataclass(slots=True)
class Times:
    """How long one kind of step took. counts: per class of BUCKETS_S, then the longer ones."""

    total_s: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))

    def add(self, seconds: float) -> None:
        self.total_s += seconds
        self.counts[next((i for i, longest_s in enumerate(BUCKETS_S) if seconds <= longest_s), len(BUCKETS_S))] += 1


@dataclass(frozen=True, slots=True)
class Measures:
    """Sums since the process started, by name. lookups: by cache, hits and misses. gauges: as they are now."""

    frames: int = 0
    times: dict[str, Times] = field(default_factory=dict)
    lookups: dict[str, tuple[int, int]] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)


_lock = threading.Lock()
_frames = 0
_times: dict[str, Times] = {}
_lookups: dict[str, tuple[int, int]] = {}
_gauges: dict[str, Callable[[], float]] = {}


def frame_made() -> None:
    """Counts one frame whose masks were computed, with all of its objects."""
    global _frames
    with _lock:
        _frames += 1


def took(step: str, seconds: float) -> None:
    """Adds the time of one step, such as `store`, `decode` or `model`."""
    with _lock:
        _times.setdefault(step, Times()).add(seconds)


def looked_up(cache: str, *, is_hit: bool) -> None:
    """Counts a look into a cache, such as `features`, `media` or `masks`."""
    with _lock:
        hits, misses = _lookups.get(cache, (0, 0))
        _lookups[cache] = (hits + is_hit, misses + (not is_hit))


@contextmanager
def gauged(name: str, read: Callable[[], float]) -> Iterator[None]:
    """Inside, `read` is asked for the value of a gauge whenever measures are read. It must be quick and not raise."""
    _gauges[name] = read
    try:
        yield
    finally:
        _gauges.pop(name, None)


def measures() -> Measures:
    """A copy of this process's measures."""
    with _lock:
        times = {step: Times(each.total_s, list(each.counts)) for step, each in _times.items()}
        frames, lookups = _frames, dict(_lookups)
    return Measures(frames, times, lookups, {name: read() for name, read in tuple(_gauges.items())})
