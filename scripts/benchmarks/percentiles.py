"""Percentiles of measured values."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest value that a share of at least `share` does not exceed. Raises ValueError for none."""
    if not values:
        raise ValueError("a percentile needs at least one value")
    rank = max(math.ceil(share * len(values)), 1)
    return sorted(values)[rank - 1]
