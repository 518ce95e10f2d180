"""The pixels of a consensus: the log odds of each pixel from one frame's masks, and from the frames beside it.

Expectation maximization over each person's sensitivity and specificity in the box around all masks, as STAPLE (Warfield
et al. 2004) does it, with priors from who is right. Without priors STAPLE fits three masks too freely. Unlike STAPLE, a
pixel has no prior: the share of the object in the box depends on how far off a wrong mask is, and would wear away the
outline where two people differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from backend.domain.crowd.agreement_boundaries import union_window
from backend.domain.geometry import BoolMask

Values = NDArray[np.float64]
Kind = TypeVar("Kind", bound=np.generic)
Step = tuple[int, int]
"""Rows and columns, in pixels."""

MARGIN_PX = 2
"""The box around all masks is so much wider."""

ROUNDS = 8
PRIOR_SHARE = 1.0
"""The weight of the prior of a person's sensitivity and specificity, as a share of the box's pixels."""

LEAST, MOST = 0.5, 0.98
"""Sensitivity and specificity expected of a person who is wrong, and of one who is right."""

NEIGHBOUR_WEIGHT = 0.5
"""What the log odds of a pixel on a frame beside count. Mistakes persist over frames, so it is below 1."""

NEIGHBOUR_LOGIT = 4.0
"""The most that a frame beside says of a pixel, as log odds: shapes turn and bend."""

NEIGHBOUR_IOU = 0.6
"""A frame beside says nothing unless its moved mask has this IoU with the mask."""


@dataclass(frozen=True, slots=True, eq=False)
class PixelVotes:
    """logits: [h, w], the log odds of each pixel within a window of the frame. rows, columns: where the window begins.

    said: [h, w] bool, the pixels that anybody gives to the object. spare: [h, w] bool, the mask of the person who is
    right with the highest probability; what is shown where no pixel is probable.
    """

    logits: Values
    rows: int
    columns: int
    said: BoolMask
    spare: BoolMask

    @property
    def inside(self) -> BoolMask:
        """[h, w] bool: the pixels that are more probable than not; never empty."""
        return _or_spare(self.logits >= 0.0, self.spare)


def pixel_votes(masks: Sequence[BoolMask], right: Values) -> PixelVotes:
    """masks: [H, W] bool, none empty. right: [n], above 0: the probability that each is right."""
    window = union_window(np.logical_or.reduce(masks), margin=MARGIN_PX)
    votes = np.stack([mask[window] for mask in masks])  # [n, h, w]
    logits = _log_odds(votes.reshape(len(masks), -1).astype(np.float64), right).reshape(votes.shape[1:])
    rows, columns = window
    said = np.logical_or.reduce(list(votes))
    return PixelVotes(logits, rows.start, columns.start, said, votes[int(right.argmax())])


def settled(votes: PixelVotes, beside: Iterable[PixelVotes]) -> tuple[BoolMask, float]:
    """The mask within the window of the votes, [h, w] bool, and its expected IoU with the truth.

    beside: the same object on the frames before and after. Each is moved to where it overlaps the mask most. It decides
    where the frame's own masks hardly do, and adds no pixel that nobody gives to the object.
    """
    own, logits = votes.inside, votes.logits
    for other in beside:
        step = _best_step(other, votes)
        if step is not None:
            logits = logits + NEIGHBOUR_WEIGHT * _moved_logits(other, votes, step)
    inside = _or_spare((logits >= 0.0) & votes.said, own)
    probable = _probabilities(logits)
    shared = float(probable[inside].sum())
    return inside, shared / (int(inside.sum()) + float(probable[~inside].sum()))


def placed(inside: BoolMask, votes: PixelVotes, shape: tuple[int, int]) -> BoolMask:
    """A mask of the window as one of the frame, [H, W]. shape: H, W."""
    mask = np.zeros(shape, np.bool_)
    height, width = inside.shape
    mask[votes.rows : votes.rows + height, votes.columns : votes.columns + width] = inside
    return mask


def _log_odds(votes: Values, right: Values) -> Values:
    """[N]: of each pixel. votes: [n, N], 0 or 1. right: [n]."""
    expected = LEAST + (MOST - LEAST) * np.clip(right, 0.0, 1.0)
    sensitivity, specificity = expected.copy(), expected.copy()
    strength = PRIOR_SHARE * votes.shape[1]
    logits = np.zeros(votes.shape[1])
    for _ in range(ROUNDS):
        gain = np.log(sensitivity) - np.log1p(-specificity)  # of a vote for the object
        loss = np.log1p(-sensitivity) - np.log(specificity)
        logits = gain @ votes + loss @ (1.0 - votes)
        inside = _probabilities(logits)
        outside = 1.0 - inside
        sensitivity = (votes @ inside + strength * expected) / (float(inside.sum()) + strength)
        specificity = ((1.0 - votes) @ outside + strength * expected) / (float(outside.sum()) + strength)
        sensitivity, specificity = np.clip(sensitivity, 1e-3, 1 - 1e-3), np.clip(specificity, 1e-3, 1 - 1e-3)
    return logits


def _probabilities(logits: Values) -> Values:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0))))


def _best_step(other: PixelVotes, votes: PixelVotes) -> Step | None:
    """How far to move the mask of another frame so that it overlaps this one's most; None if it does not fit.

    Tried are the step between the centres, the eight beside it, and none: an object that is covered has a new centre.
    """
    one, two = other.inside, votes.inside
    (down, right) = (round(to - start) for start, to in zip(_centre(one, other), _centre(two, votes), strict=True))
    tried = [(0, 0), *((down + y, right + x) for y in (-1, 0, 1) for x in (-1, 0, 1))]
    shared = [int(np.count_nonzero(_onto(one, other, votes, step, np.False_) & two)) for step in tried]
    best = int(np.argmax(shared))
    either = int(one.sum()) + int(two.sum()) - shared[best]
    return tried[best] if shared[best] >= NEIGHBOUR_IOU * either else None


def _moved_logits(other: PixelVotes, votes: PixelVotes, step: Step) -> Values:
    """What another frame says of each pixel of this one's window, [h, w]."""
    bounded = np.clip(other.logits, -NEIGHBOUR_LOGIT, NEIGHBOUR_LOGIT)
    return _onto(bounded, other, votes, step, np.float64(-NEIGHBOUR_LOGIT))


def _onto(values: NDArray[Kind], other: PixelVotes, votes: PixelVotes, step: Step, outside: Kind) -> NDArray[Kind]:
    """The values of another frame's window, moved, in this one's; `outside` where there is none."""
    found = np.full(votes.logits.shape, outside)
    top, left = other.rows + step[0] - votes.rows, other.columns + step[1] - votes.columns
    rows, columns = _common(top, values.shape[0], found.shape[0]), _common(left, values.shape[1], found.shape[1])
    found[rows, columns] = values[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return found


def _common(start: int, length: int, most: int) -> slice:
    """The part of `length` places from `start` on that lies within 0 and `most`; empty at 0 where none does."""
    first, last = max(start, 0), min(start + length, most)
    return slice(first, last) if first < last else slice(max(start, 0), max(start, 0))


def _centre(mask: BoolMask, votes: PixelVotes) -> tuple[float, float]:
    """Row and column of the mask's centre in the frame."""
    rows, columns = np.nonzero(mask)
    return votes.rows + float(rows.mean()), votes.columns + float(columns.mean())


def _or_spare(mask: BoolMask, spare: BoolMask) -> BoolMask:
    return mask if mask.any() else spare
