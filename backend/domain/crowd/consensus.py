"""The consensus of several people's masks of one object, weighted by trust.

First who is right (`trust_agreement`), then presence, then each pixel (`pixel_votes`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backend.domain.crowd.agreement import AGREES_FROM
from backend.domain.crowd.pixel_votes import PixelVotes, pixel_votes, placed, settled
from backend.domain.crowd.trust_agreement import MOST_PEOPLE, Flags, right_probabilities
from backend.domain.geometry import BoolMask, Box, box_iou, mask_iou

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """mask: [H, W] bool; None: the object is absent. uncertainty: 0..1, 1 - the expected IoU with the truth.

    right: of each person, the probability that the statement is right.
    """

    mask: BoolMask | None
    uncertainty: float
    right: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Statements:
    """What people say of an object on one frame. masks: of each, [H, W] bool; None: absent, as an empty mask is.

    right: [n], the probability that each is right. nobody: that none is.
    """

    masks: Sequence[BoolMask | None]
    right: Values
    nobody: float

    @cached_property
    def presence(self) -> float:
        """The probability that the object is there, if somebody is right."""
        return _presence(self._has_it, _weights(self.right))

    @cached_property
    def votes(self) -> PixelVotes | None:
        """None: the object is absent."""
        if self.presence <= 0.5:
            return None
        shown = [mask for mask in self.masks if mask is not None and mask.any()]
        return pixel_votes(shown, _weights(self.right)[self._has_it])

    def consensus(self, beside: Sequence[Statements] = ()) -> Consensus:
        """beside: the same object on the frames before and after, where it is present."""
        known, right = 1.0 - self.nobody, tuple(map(float, self.right))
        votes = self.votes
        if votes is None:
            return Consensus(None, 1.0 - known * (1.0 - self.presence), right)
        inside, expected = settled(votes, [each.votes for each in beside if each.votes is not None])
        shape = next(mask.shape for mask in self.masks if mask is not None)
        mask = placed(inside, votes, (shape[0], shape[1]))
        return Consensus(mask, 1.0 - known * self.presence * expected, right)

    @property
    def _has_it(self) -> NDArray[np.bool_]:
        return np.array([mask is not None and bool(mask.any()) for mask in self.masks])


def consensus_of(masks: Sequence[BoolMask | None], trust: Sequence[float]) -> Consensus:
    """Of one frame alone. masks: of each person, [H, W] bool; None: absent. trust: of each, 0..1.

    Of more than MOST_PEOPLE people the last ones count.
    """
    said = list(masks)[-MOST_PEOPLE:]
    chances = right_probabilities(who_agrees(said)[None], list(trust)[-MOST_PEOPLE:])
    found = Statements(said, chances.right[0], float(chances.nobody[0])).consensus()
    return Consensus(found.mask, found.uncertainty, (0.0,) * (len(masks) - len(said)) + found.right)


def consensus_box(boxes: Sequence[Box | None], right: Values, nobody: float) -> tuple[Box | None, float]:
    """The consensus of boxes, and its uncertainty: presence first, then the weighted median of each side.

    right: [n], the probability that each is right. nobody: that none is.
    """
    weights, known = _weights(right), 1.0 - nobody
    has_it = np.array([box is not None for box in boxes])
    present = _presence(has_it, weights)
    if present <= 0.5:
        return None, 1.0 - known * (1.0 - present)
    shown, shares = [box for box in boxes if box is not None], weights[has_it]
    sides = np.array([[box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel] for box in shown])
    box = Box(*(_weighted_median(sides[:, side], shares) for side in range(4)))
    expected = float(np.average([box_iou(box, each) for each in shown], weights=shares))
    return box, 1.0 - known * present * expected


def who_agrees(masks: Sequence[BoolMask | None]) -> Flags:
    """[n, n]: who says the same. None: absent, as an empty mask is."""
    said = [mask if mask is not None and mask.any() else None for mask in masks]

    def is_same(one: int, other: int) -> bool:
        first, second = said[one], said[other]
        return first is second if first is None or second is None else mask_iou(first, second) >= AGREES_FROM

    return _symmetric(len(said), is_same)


def whose_boxes_agree(boxes: Sequence[Box | None]) -> Flags:
    """[n, n]: who says the same. None: absent."""
    return _symmetric(len(boxes), lambda one, other: box_iou(boxes[one], boxes[other]) >= AGREES_FROM)


def _weights(right: Values) -> Values:
    return np.maximum(right, 1e-6)


def _presence(has_it: NDArray[np.bool_], weights: Values) -> float:
    """The share of the weights, [n], of the people who have the object."""
    return float(weights[has_it].sum() / weights.sum())


def _symmetric(count: int, is_same: Callable[[int, int], bool]) -> Flags:
    agrees = np.eye(count, dtype=np.bool_)
    for one in range(count):
        for other in range(one):
            agrees[one, other] = agrees[other, one] = is_same(one, other)
    return agrees


def _weighted_median(values: Values, weights: Values) -> float:
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order][int(np.searchsorted(below, below[-1] / 2))])
