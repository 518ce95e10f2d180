"""Who is right where people disagree: the probability of each statement, from who agrees with whom and their trust.

The model is Dawid and Skene's with one difference: masks have no classes, so that a statement is known by those that
agree with it. Every subset of the people may be those who are right. Shared mistakes have a share of their own: people
who accept the same wrong pre-label agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

MOST_PEOPLE = 10
"""Of 10 people there are 1024 subsets."""

RIGHT_AGREE = 0.97
"""How often two right masks agree: two that are each within the tolerance may still differ by more than it."""

WRONG_AGREE = 0.25
"""How often two wrong masks agree: pre-labels are shared."""

MIXED_AGREE = 0.05
"""How often a right and a wrong mask agree."""


@dataclass(frozen=True, slots=True, eq=False)
class RightProbabilities:
    """right: [F, n], of each person's statement. nobody: [F], that none is right."""

    right: Values
    nobody: Values


def right_probabilities(agrees: Flags, trust: Sequence[float]) -> RightProbabilities:
    """agrees: [F, n, n], symmetric. trust: of the n people, 0..1. Raises ValueError above MOST_PEOPLE people."""
    count = len(trust)
    if count > MOST_PEOPLE:
        raise ValueError(f"{count} people; at most {MOST_PEOPLE} are compared at once")
    subsets, pairs, gain, base = _model(count)
    bounded = np.clip(np.asarray(trust, np.float64), 0.02, 0.98)
    prior = subsets @ np.log(bounded) + (1.0 - subsets) @ np.log1p(-bounded)  # [S]
    together = agrees[:, pairs[:, 0], pairs[:, 1]].astype(np.float64)  # [F, P]
    logs = together @ gain.T + base + prior  # [F, S]
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return RightProbabilities(weights @ subsets, weights[:, 0])


@lru_cache(maxsize=MOST_PEOPLE + 1)
def _model(count: int) -> tuple[Values, NDArray[np.int64], Values, Values]:
    """The subsets of right people [S, n], the first is empty; the pairs [P, 2]; and for each subset the log odds of
    agreement of each pair [S, P], and the log probability that no pair agrees [S]."""
    subsets = ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(np.float64)
    pairs = np.array(list(combinations(range(count), 2)), np.int64).reshape(-1, 2)
    right = subsets[:, pairs[:, 0]] + subsets[:, pairs[:, 1]]
    agree = np.choose(right.astype(np.int64), [WRONG_AGREE, MIXED_AGREE, RIGHT_AGREE])
    return subsets, pairs, np.log(agree) - np.log1p(-agree), np.log1p(-agree).sum(axis=1)
