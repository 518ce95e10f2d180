"""The few statistics that the figures need, small enough to be checked by hand."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@dataclass(slots=True)
class Race:
    """Two sides timed in turn, so that what disturbs the machine disturbs both. Seconds, in the order run."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Theirs over ours, each at its best: above 1, ours is faster."""
        return min(self.theirs) / min(self.ours)


def race(ours: Callable[[], object], theirs: Callable[[], object], *, laps: int) -> Race:
    """Run both sides `laps` times, alternating, and each first in every other lap."""
    result = Race()
    for lap in range(laps):
        sides = [(result.ours, ours), (result.theirs, theirs)]
        for times, work in reversed(sides) if lap % 2 else sides:
            times.append(seconds(work))
    return result


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed (nearest rank). Raises ValueError for none."""
    if not values:
        raise ValueError("there is no percentile of nothing")
    rank = max(math.ceil(share * len(values)), 1)
    return sorted(values)[rank - 1]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the straight line that fits (x, y) best by least squares. Raises ValueError for fewer than two x."""
    mean_x = sum(x for x, _ in points) / max(len(points), 1)
    mean_y = sum(y for _, y in points) / max(len(points), 1)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if spread == 0:
        raise ValueError("a slope needs points at two places at least")
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def shares(parts: dict[str, float]) -> dict[str, float]:
    """Each part over the sum of all; all 0 if the sum is."""
    total = sum(parts.values())
    return {name: part / total if total else 0.0 for name, part in parts.items()}
