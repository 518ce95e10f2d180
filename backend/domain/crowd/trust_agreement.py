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


CHANGES = 0.4
"""How often a person's being right on a frame says nothing of the next one: mistakes last for many frames."""

FRAMES_TOGETHER = 2000
"""Longer videos are taken in parts of so many frames: of 10 people they need 16 MiB."""


@dataclass(frozen=True, slots=True, eq=False)
class RightProbabilities:
    """right: [F, n], of each person's statement. nobody: [F], that none is right."""

    right: Values
    nobody: Values


def right_probabilities(agrees: Flags, trust: Sequence[float]) -> RightProbabilities:
    """agrees: [F, n, n], symmetric. trust: of the n people, 0..1. Raises ValueError above MOST_PEOPLE people."""
    logs, prior = _log_likelihoods(agrees, trust)
    return _of_weights(_shares(logs + prior), len(trust))


def right_over_time(agrees: Flags, trust: Sequence[float]) -> RightProbabilities:
    """The same, of one object on consecutive frames: who was right before and is right after counts too.

    A hidden Markov model whose states are the subsets of right people, by the forward-backward algorithm (Rabiner
    1989). From frame to frame each person keeps the state, or with the probability CHANGES gets one by trust.
    """
    found = [
        _smoothed(*_log_likelihoods(agrees[start : start + FRAMES_TOGETHER], trust), trust)
        for start in range(0, len(agrees), FRAMES_TOGETHER)
    ]
    return _of_weights(np.concatenate(found) if found else np.zeros((0, 2 ** len(trust))), len(trust))


def _smoothed(logs: Values, prior: Values, trust: Sequence[float]) -> Values:
    """The probability of each subset on each frame, [F, S]. prior: logs of [S]."""
    seen = np.exp(logs - logs.max(axis=1, keepdims=True))
    forward, backward = np.empty_like(seen), np.ones_like(seen)
    forward[0] = _shares(prior + np.log(seen[0]))
    for at in range(1, len(seen)):
        step = _stepped(forward[at - 1], trust, backwards=False) * seen[at]
        forward[at] = step / step.sum()
    for at in range(len(seen) - 2, -1, -1):
        step = _stepped(backward[at + 1] * seen[at + 1], trust, backwards=True)
        backward[at] = step / step.sum()
    weights = forward * backward
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _stepped(weights: Values, trust: Sequence[float], *, backwards: bool) -> Values:
    """The weights of the subsets, [S], one frame later; backwards: of what is seen later, one frame earlier."""
    for at, right in enumerate(_bounded(trust)):
        change = np.array(
            [[1.0 - CHANGES * right, CHANGES * right], [CHANGES * (1.0 - right), 1.0 - CHANGES * (1.0 - right)]]
        )  # from wrong, from right
        kernel = change if backwards else change.T
        weights = np.einsum("ij,ajb->aib", kernel, weights.reshape(-1, 2, 2**at)).reshape(-1)
    return weights


def _log_likelihoods(agrees: Flags, trust: Sequence[float]) -> tuple[Values, Values]:
    """Of each subset: the log probability of who agrees on each frame, [F, S], and that of its prior, [S]."""
    count = len(trust)
    if count > MOST_PEOPLE:
        raise ValueError(f"{count} people; at most {MOST_PEOPLE} are compared at once")
    subsets, pairs, gain, base = _model(count)
    bounded = _bounded(trust)
    prior = subsets @ np.log(bounded) + (1.0 - subsets) @ np.log1p(-bounded)
    together = agrees[:, pairs[:, 0], pairs[:, 1]].astype(np.float64)  # [F, P]
    return together @ gain.T + base, prior


def _shares(logs: Values) -> Values:
    """The exponentials, with the sum 1 along the last axis."""
    weights = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _of_weights(weights: Values, count: int) -> RightProbabilities:
    """weights: [F, S], the probabilities of the subsets of `count` people."""
    return RightProbabilities(weights @ _model(count)[0], weights[:, 0])


def _bounded(trust: Sequence[float]) -> Values:
    return np.clip(np.asarray(trust, np.float64), 0.02, 0.98)


@lru_cache(maxsize=MOST_PEOPLE + 1)
def _model(count: int) -> tuple[Values, NDArray[np.int64], Values, Values]:
    """The subsets of right people [S, n], the first is empty; the pairs [P, 2]; and for each subset the log odds of
    agreement of each pair [S, P], and the log probability that no pair agrees [S]."""
    subsets = ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(np.float64)
    pairs = np.array(list(combinations(range(count), 2)), np.int64).reshape(-1, 2)
    right = subsets[:, pairs[:, 0]] + subsets[:, pairs[:, 1]]
    agree = np.choose(right.astype(np.int64), [WRONG_AGREE, MIXED_AGREE, RIGHT_AGREE])
    return subsets, pairs, np.log(agree) - np.log1p(-agree), np.log1p(-agree).sum(axis=1)
