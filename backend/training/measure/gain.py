"""How sure a gain is: its interval over the objects of the held-out videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Gain:
    """A mean gain over objects, and its 95 % interval."""

    mean: float
    low: float
    high: float


def gain_of(groups: Sequence[str], before: Sequence[float], after: Sequence[float], seed: int = 0) -> Gain:
    """The gain over objects, paired. groups: the video of each object.

    The interval is a bootstrap in two stages, videos and then objects of each: objects of a video are alike. Raises
    ValueError without objects.
    """
    if not len(groups):
        raise ValueError("a gain needs at least one object")
    gains = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    members = [gains[np.asarray(groups) == group] for group in dict.fromkeys(groups)]
    rng = np.random.default_rng(seed)
    means = [_drawn_mean(rng, members) for _ in range(DRAWS)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Gain(float(gains.mean()), float(low), float(high))


def _drawn_mean(rng: np.random.Generator, members: Sequence[NDArray[np.float64]]) -> float:
    drawn = [members[int(number)] for number in rng.integers(len(members), size=len(members))]
    values = np.concatenate([each[rng.integers(len(each), size=len(each))] for each in drawn])
    return float(values.mean())
