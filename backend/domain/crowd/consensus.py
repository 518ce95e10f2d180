"""The consensus of several people's masks of one object on one frame, weighted by trust.

First who is right (`trust_agreement`), then presence, then each pixel: expectation maximization over each person's
sensitivity and specificity in the box around all masks, as STAPLE (Warfield et al. 2004) does it, with priors from the
first step. Without priors STAPLE fits three masks too freely. Unlike STAPLE, a pixel has no prior: the share of the
object in the box depends on how far off a wrong mask is, and would wear away the outline where two people differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.domain.crowd.agreement import AGREES_FROM
from backend.domain.crowd.agreement_boundaries import union_window
from backend.domain.crowd.trust_agreement import MOST_PEOPLE, right_probabilities
from backend.domain.geometry import BoolMask, Box, mask_iou

Values = NDArray[np.float64]

MARGIN_PX = 2
"""The box around all masks is so much wider."""

ROUNDS = 8
PRIOR_SHARE = 1.0
"""The weight of the prior of a person's sensitivity and specificity, as a share of the box's pixels."""

LEAST, MOST = 0.5, 0.98
"""Sensitivity and specificity expected of a person who is wrong, and of one who is right."""


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """mask: [H, W] bool; None: the object is absent. uncertainty: 0..1, 1 - the expected IoU with the truth.

    right: of each person, the probability that the statement is right.
    """

    mask: BoolMask | None
    uncertainty: float
    right: tuple[float, ...]


def consensus_of(masks: Sequence[BoolMask | None], trust: Sequence[float]) -> Consensus:
    """masks: of each person, [H, W] bool; None: absent, as an empty mask is. trust: of each, 0..1. At least one mask.

    Of more than MOST_PEOPLE people the last ones count.
    """
    said = [mask if mask is not None and mask.any() else None for mask in masks][-MOST_PEOPLE:]
    chances = right_probabilities(_agrees(said)[None], list(trust)[-MOST_PEOPLE:])
    right, known = chances.right[0], 1.0 - float(chances.nobody[0])
    spare = (0.0,) * (len(masks) - len(said))
    weights = np.maximum(right, 1e-6)
    has_it = np.array([mask is not None for mask in said])
    present = float(weights[has_it].sum() / weights.sum())
    if present <= 0.5:
        return Consensus(None, 1.0 - known * (1.0 - present), (*spare, *map(float, right)))
    shown = [mask for mask in said if mask is not None]
    mask, expected = _voted(shown, weights[has_it])
    return Consensus(mask, 1.0 - known * present * expected, (*spare, *map(float, right)))


def consensus_box(boxes: Sequence[Box | None], trust: Sequence[float]) -> tuple[Box | None, float]:
    """The consensus of boxes, and its uncertainty: presence first, then the weighted median of each side."""
    count = len(boxes)
    agrees = np.eye(count, dtype=np.bool_)
    for one in range(count):
        for other in range(one):
            agrees[one, other] = agrees[other, one] = box_iou(boxes[one], boxes[other]) >= AGREES_FROM
    chances = right_probabilities(agrees[None, -MOST_PEOPLE:, -MOST_PEOPLE:], list(trust)[-MOST_PEOPLE:])
    weights, known = np.maximum(chances.right[0], 1e-6), 1.0 - float(chances.nobody[0])
    last = list(boxes)[-MOST_PEOPLE:]
    has_it = np.array([box is not None for box in last])
    present = float(weights[has_it].sum() / weights.sum())
    if present <= 0.5:
        return None, 1.0 - known * (1.0 - present)
    shown, shares = [box for box in last if box is not None], weights[has_it]
    sides = np.array([[box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel] for box in shown])
    box = Box(*(_weighted_median(sides[:, side], shares) for side in range(4)))
    expected = float(np.average([box_iou(box, each) for each in shown], weights=shares))
    return box, 1.0 - known * present * expected


def box_iou(first: Box | None, second: Box | None) -> float:
    """Intersection over union; 1 without either box, 0 with one of them."""
    if first is None or second is None:
        return float(first is None and second is None)
    width = min(first.x1_rel, second.x1_rel) - max(first.x0_rel, second.x0_rel)
    height = min(first.y1_rel, second.y1_rel) - max(first.y0_rel, second.y0_rel)
    shared = max(width, 0.0) * max(height, 0.0)
    areas = ((box.x1_rel - box.x0_rel) * (box.y1_rel - box.y0_rel) for box in (first, second))
    return shared / (sum(areas) - shared)


def _agrees(masks: Sequence[BoolMask | None]) -> NDArray[np.bool_]:
    """[n, n]: who agrees with whom."""
    agrees = np.eye(len(masks), dtype=np.bool_)
    for one, first in enumerate(masks):
        for other, second in enumerate(masks[:one]):
            is_same = first is second if first is None or second is None else mask_iou(first, second) >= AGREES_FROM
            agrees[one, other] = agrees[other, one] = is_same
    return agrees


def _voted(masks: Sequence[BoolMask], right: Values) -> tuple[BoolMask, float]:
    """The mask of the pixels with a posterior from one half on, and its expected IoU with the truth.

    right: [n], above 0. Never empty: a mask without a pixel is that of the person with the highest probability.
    """
    window = union_window(np.logical_or.reduce(masks), margin=MARGIN_PX)
    votes = np.stack([mask[window] for mask in masks]).astype(np.float64)  # [n, h, w]
    posterior = _posterior(votes.reshape(len(masks), -1), right).reshape(votes.shape[1:])
    inside = posterior >= 0.5
    if not inside.any():
        inside = masks[int(right.argmax())][window]
    mask = np.zeros(masks[0].shape, np.bool_)
    mask[window] = inside
    shared = float(posterior[inside].sum())
    return mask, shared / (int(inside.sum()) + float(posterior[~inside].sum()))


def _posterior(votes: Values, right: Values) -> Values:
    """[N]: the probability of each pixel. votes: [n, N], 0 or 1. right: [n]."""
    expected = LEAST + (MOST - LEAST) * np.clip(right, 0.0, 1.0)
    sensitivity, specificity = expected.copy(), expected.copy()
    strength = PRIOR_SHARE * votes.shape[1]
    inside = np.average(votes, axis=0, weights=right)
    for _ in range(ROUNDS):
        gain = np.log(sensitivity) - np.log1p(-specificity)  # of a vote for the object
        loss = np.log1p(-sensitivity) - np.log(specificity)
        logits = gain @ votes + loss @ (1.0 - votes)
        inside = 1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0)))
        outside = 1.0 - inside
        sensitivity = (votes @ inside + strength * expected) / (float(inside.sum()) + strength)
        specificity = ((1.0 - votes) @ outside + strength * expected) / (float(outside.sum()) + strength)
        sensitivity, specificity = np.clip(sensitivity, 1e-3, 1 - 1e-3), np.clip(specificity, 1e-3, 1 - 1e-3)
    return inside


def _weighted_median(values: Values, weights: Values) -> float:
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order][int(np.searchsorted(below, below[-1] / 2))])
