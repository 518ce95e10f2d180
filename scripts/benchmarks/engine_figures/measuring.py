"""Timing and statistics of the figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch

Name = TypeVar("Name", bound=Hashable)


def seconds(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@dataclass(slots=True)
class PairedTimes:
    """Seconds of two sides, in order. Alternating runs expose both sides to the same disturbances."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Theirs over ours, best times; above 1, ours is faster."""
        return min(self.theirs) / min(self.ours)


def paired_times(ours: Callable[[], object], theirs: Callable[[], object], *, repeats: int) -> PairedTimes:
    """Runs both sides `repeats` times, alternating; the first side changes every repeat."""
    result = PairedTimes()
    for repeat in range(repeats):
        sides = [(result.ours, ours), (result.theirs, theirs)]
        for times, work in reversed(sides) if repeat % 2 else sides:
            times.append(seconds(work))
    return result


def best_in_turns(works: Mapping[Name, Callable[[], object]], device: torch.device, repeats: int) -> dict[Name, float]:
    """The least seconds of each work, which ends on the host; the works take turns.

    On a CPU the processor seconds of all threads: they hold on a machine with other work, too.
    """
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    times: dict[Name, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            started = clock()
            work()
            times[name].append(clock() - started)
    return {name: min(taken) for name, taken in times.items()}


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Slope of the least-squares line through (x, y). Raises ValueError for fewer than two distinct x."""
    mean_x = sum(x for x, _ in points) / max(len(points), 1)
    mean_y = sum(y for _, y in points) / max(len(points), 1)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if spread == 0:
        raise ValueError("a slope needs at least two distinct x")
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def shares(parts: dict[str, float]) -> dict[str, float]:
    """Each part over the sum of all parts; 0 if the sum is 0."""
    total = sum(parts.values())
    return {name: part / total if total else 0.0 for name, part in parts.items()}
