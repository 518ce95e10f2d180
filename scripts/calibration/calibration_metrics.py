"""How well a score foretells failure: figures over frames, and intervals by drawing whole clips. numpy only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.metrics import auroc, spearman

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

BINS = 15
NAN = float("nan")


def area_under_roc(scores: Values, failed: Flags) -> float:
    """The chance that a failed frame outscores a good one; nan unless there are both."""
    return auroc(scores.tolist(), failed.tolist())


def area_under_precision(scores: Values, failed: Flags) -> float:
    """Average precision: the mean precision at each failed frame, worst first; ties in any order."""
    if not failed.any():
        return NAN
    hits = failed[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def area_under_risk(scores: Values, failed: Flags) -> float:
    """AURC: the mean failure rate of the frames kept, over every share kept, the surest first. 0 is perfect."""
    if not len(scores):
        return NAN
    kept = failed[np.argsort(scores, kind="stable")]
    return float((np.cumsum(kept) / np.arange(1, len(kept) + 1)).mean())


def calibration_error(scores: Values, failed: Flags, bins: int = BINS) -> float:
    """ECE over bins of equal mass: how far the mean score is from the failure rate, on average."""
    if not len(scores):
        return NAN
    parts = [part for part in np.array_split(np.argsort(scores, kind="stable"), bins) if len(part)]
    gaps = [abs(float(scores[part].mean()) - float(failed[part].mean())) * len(part) for part in parts]
    return sum(gaps) / len(scores)


def brier(scores: Values, failed: Flags) -> float:
    """The mean squared distance of the score from what came."""
    return float(((scores - failed) ** 2).mean()) if len(scores) else NAN


def spearman_within(scores: Values, losses: Values, group: NDArray[np.int64]) -> float:
    """The mean over groups of the rank correlation inside each; groups where either is constant do not count."""
    found = [spearman(scores[group == one].tolist(), losses[group == one].tolist()) for one in np.unique(group)]
    defined = [value for value in found if not np.isnan(value)]
    return float(np.mean(defined)) if defined else NAN


def clip_interval(
    figure: Callable[[NDArray[np.int64]], float], clip: NDArray[np.int64], *, draws: int = 300, seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of a figure over frames, drawing whole clips with replacement.

    figure: takes the positions of the frames drawn. clip: [N] the clip of each frame.
    """
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(clip == one) for one in np.unique(clip)]
    values = []
    for _ in range(draws):
        drawn = rng.integers(len(members), size=len(members))
        values.append(figure(np.concatenate([members[number] for number in drawn])))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def mean_interval(values: Values, *, draws: int = 4000, seed: int = 0) -> tuple[float, float]:
    """The 95 % bootstrap interval of a mean of one value a clip."""
    return ratio_interval(values, np.ones(len(values)), draws=draws, seed=seed)


def ratio_interval(above: Values, below: Values, *, draws: int = 4000, seed: int = 0) -> tuple[float, float]:
    """The 95 % bootstrap interval of a mean over another one, of one value a clip each; clips are drawn for both."""
    drawn = np.random.default_rng(seed).integers(len(above), size=(draws, len(above)))
    low, high = np.percentile(above[drawn].mean(axis=1) / below[drawn].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
