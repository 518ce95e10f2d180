"""Statistics of an evaluation, and the clicks of a simulated annotator. numpy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backend.domain.geometry import BoolMask


def mean(values: Sequence[float]) -> float:
    """The mean; nan without values."""
    return float(np.mean(values)) if values else float("nan")


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1: float [N]. Equal values get their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean_ranks: NDArray[np.float64] = (last - (counts - 1) / 2)[inverse]
    return mean_ranks


def auroc(scores: Sequence[float], truths: Sequence[bool]) -> float:
    """Area under the ROC curve; ties count half. nan without true or without false samples."""
    truth = np.asarray(truths, bool)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return float("nan")
    rank_sum = float(ranks(np.asarray(scores, np.float64))[truth].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Rank correlation; nan if either is constant or has fewer than two values."""
    if len(first) < 2:
        return float("nan")
    a, b = ranks(np.asarray(first, np.float64)), ranks(np.asarray(second, np.float64))
    if a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def deepest_pixel(mask: BoolMask) -> tuple[int, int]:
    """The pixel (row, column) that survives erosion longest, as a simulated click. mask must not be empty.

    Of several such pixels, the one nearest their centre.
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
    """The corrective click (row, column), and whether it is positive: the deepest pixel of the larger error.

    A perfect guess gets another positive click inside the object.
    """
    false_negative, false_positive = truth & ~guess, guess & ~truth
    if false_positive.sum() > false_negative.sum():
        return deepest_pixel(false_positive), False
    return deepest_pixel(false_negative if false_negative.any() else truth), True
