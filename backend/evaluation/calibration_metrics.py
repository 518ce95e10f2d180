"""Metrics of a score as a predictor of failure, over frames, and bootstrap intervals over clips. numpy only."""

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
    """The probability that a failed frame scores higher than a good one; nan unless both kinds exist."""
    return auroc(scores.tolist(), failed.tolist())


def area_under_precision(scores: Values, failed: Flags) -> float:
    """Average precision: the mean precision at each failed frame, highest score first; tie order is arbitrary."""
    if not failed.any():
        return NAN
    is_failure = failed[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(is_failure) / np.arange(1, len(is_failure) + 1)
    return float(precision[is_failure].mean())


def area_under_risk(scores: Values, failed: Flags) -> float:
    """AURC: the mean failure rate of the kept frames over all kept shares, lowest score first. 0 is perfect."""
    if not len(scores):
        return NAN
    kept = failed[np.argsort(scores, kind="stable")]
    return float((np.cumsum(kept) / np.arange(1, len(kept) + 1)).mean())


def calibration_error(scores: Values, failed: Flags, bins: int = BINS) -> float:
    """ECE over bins of equal mass: the mean distance between the mean score and the failure rate."""
    if not len(scores):
        return NAN
    parts = [part for part in np.array_split(np.argsort(scores, kind="stable"), bins) if len(part)]
    gaps = [abs(float(scores[part].mean()) - float(failed[part].mean())) * len(part) for part in parts]
    return sum(gaps) / len(scores)


def brier(scores: Values, failed: Flags) -> float:
    """The mean squared distance between the score and the failure (0 or 1)."""
    return float(((scores - failed) ** 2).mean()) if len(scores) else NAN


def spearman_within(scores: Values, losses: Values, group: NDArray[np.int64]) -> float:
    """The mean of the rank correlations within each group; a group with constant scores or losses is excluded."""
    correlations = [spearman(scores[group == one].tolist(), losses[group == one].tolist()) for one in np.unique(group)]
    defined = [value for value in correlations if not np.isnan(value)]
    return float(np.mean(defined)) if defined else NAN


def clip_interval(
    metric: Callable[[NDArray[np.int64]], float], clip: NDArray[np.int64], *, draws: int = 300, seed: int = 0
) -> tuple[float, float]:
    """The 95 % bootstrap interval of a metric over frames; clips are drawn with replacement.

    metric: takes the positions of the drawn frames. clip: [N] the clip of each frame.
    """
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(clip == one) for one in np.unique(clip)]
    values = []
    for _ in range(draws):
        drawn = rng.integers(len(members), size=len(members))
        values.append(metric(np.concatenate([members[number] for number in drawn])))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def mean_interval(values: Values, *, draws: int = 4000, seed: int = 0) -> tuple[float, float]:
    """The 95 % bootstrap interval of a mean; values holds one value per clip."""
    return ratio_interval(values, np.ones(len(values)), draws=draws, seed=seed)


def ratio_interval(numerator: Values, denominator: Values, *, draws: int = 4000, seed: int = 0) -> tuple[float, float]:
    """The 95 % bootstrap interval of a ratio of means, one value per clip in each; the draws of clips are paired."""
    drawn = np.random.default_rng(seed).integers(len(numerator), size=(draws, len(numerator)))
    low, high = np.percentile(numerator[drawn].mean(axis=1) / denominator[drawn].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
