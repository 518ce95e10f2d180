"""The small statistics that an evaluation needs, and where a simulated annotator clicks. numpy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backend.domain.geometry import BoolMask


def mean(values: Sequence[float]) -> float:
    """The mean, nan for none."""
    return float(np.mean(values)) if values else float("nan")


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, equal values sharing their mean rank: float [N]."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: NDArray[np.float64] = (last - (counts - 1) / 2)[inverse]
    return shared


def auroc(scores: Sequence[float], truths: Sequence[bool]) -> float:
    """The chance that a true one outscores a false one, ties half; nan unless both kinds are there."""
    truth = np.asarray(truths, bool)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return float("nan")
    rank_sum = float(ranks(np.asarray(scores, np.float64))[truth].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Rank correlation, nan if either is constant or there are fewer than two."""
    if len(first) < 2:
        return float("nan")
    a, b = ranks(np.asarray(first, np.float64)), ranks(np.asarray(second, np.float64))
    if a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def deepest_pixel(mask: BoolMask) -> tuple[int, int]:
    """The pixel (row, column) that survives erosion longest: where a person would click. mask must not be empty.

    Among equals, the one nearest their centre.
    """
    remaining = np.pad(mask, 1)
    while True:
        inner = remaining[1:-1, 1:-1]
        cross = inner & remaining[:-2, 1:-1] & remaining[2:, 1:-1] & remaining[1:-1, :-2] & remaining[1:-1, 2:]
        if not cross.any():
            break
        remaining = np.pad(cross, 1)
    rows, columns = np.nonzero(remaining[1:-1, 1:-1])
    nearest = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))
    return int(rows[nearest]), int(columns[nearest])


def largest_error(guess: BoolMask, truth: BoolMask) -> tuple[tuple[int, int], bool]:
    """Where a correction goes, (row, column), and whether it is positive: the deepest pixel of the larger error.

    A perfect guess gets another positive click inside the object.
    """
    missed, spilled = truth & ~guess, guess & ~truth
    if spilled.sum() > missed.sum():
        return deepest_pixel(spilled), False
    return deepest_pixel(missed if missed.any() else truth), True
