"""Simulated people of stated skills: they distort the true masks of a clip. No model is used.

Distances are in pixels of clips of 160 x 120. Each person's masks are a function of the seed, the person and the task.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.domain.crowd.gold import DEFAULT_GOLD, lost_from

Masks = NDArray[np.bool_]
"""[T, N, H, W]: visible pixels of N objects on T frames."""


class Kind(StrEnum):
    """CAREFUL, HASTY: outlines and slips of their own. ACCEPTS: takes the pre-label. RANDOM: clicks anywhere.

    SWAPS: exchanges two objects from some frame on. DRIFTS: careful at first, worse with every task.
    """

    CAREFUL = "careful"
    HASTY = "hasty"
    ACCEPTS = "accepts"
    RANDOM = "random"
    SWAPS = "swaps"
    DRIFTS = "drifts"


BAD = (Kind.ACCEPTS, Kind.RANDOM, Kind.SWAPS)
GOOD = (Kind.CAREFUL, Kind.HASTY)


@dataclass(frozen=True, slots=True)
class Person:
    """outline_px: the standard deviation of the outline. bias_px: how much too wide it is. slips: share of masklets
    with a slip, which is a third of the frames: the object lost, another place, or a stale mask."""

    name: str
    kind: Kind
    outline_px: float
    bias_px: float
    slips: float

    def masks(
        self, truth: Masks, prelabel: Callable[[], Masks], *, tiredness: float, rng: np.random.Generator
    ) -> Masks:
        """The person's masks of a task. tiredness: 0 at the first task, 1 at the last. prelabel: makes it."""
        if self.kind is Kind.ACCEPTS:
            return prelabel()
        if self.kind is Kind.RANDOM:
            return _anywhere(truth, rng)
        outline_px, slips = self.outline_px, self.slips
        if self.kind is Kind.DRIFTS:
            outline_px, slips = outline_px * (1 + 2 * tiredness), min(slips + 0.9 * tiredness, 1.0)
        made = np.stack(
            [self._masklet(truth[:, n], outline_px, slips, rng) for n in range(truth.shape[1])], axis=1
        )  # [T, N, H, W]
        return _swapped(made, rng) if self.kind is Kind.SWAPS else made

    def _masklet(self, truth: Masks, outline_px: float, slips: float, rng: np.random.Generator) -> Masks:
        made = np.stack([_redrawn(mask, outline_px, self.bias_px, rng) for mask in truth])
        return _slipped(made, rng) if rng.random() < slips else made


def crowd(seed: int) -> list[Person]:
    """20 people: 9 careful, 7 hasty, and one of each other kind."""
    rng = np.random.default_rng((seed, 11))
    people = []
    for number in range(20):
        kind = [*[Kind.CAREFUL] * 9, *[Kind.HASTY] * 7, Kind.ACCEPTS, Kind.RANDOM, Kind.SWAPS, Kind.DRIFTS][number]
        is_hasty = kind is Kind.HASTY
        people.append(
            Person(
                f"{kind}-{number}@example.org",
                kind,
                float(rng.uniform(1.2, 1.7) if is_hasty else rng.uniform(0.9, 1.2)),
                float(rng.uniform(-0.5, 0.5) if is_hasty else rng.uniform(-0.25, 0.25)),
                float(rng.uniform(0.1, 0.3) if is_hasty else rng.uniform(0.02, 0.12)),
            )
        )
    return people


def shown(truth: Masks, *, rng: np.random.Generator, gold: str = "") -> Masks:
    """The pre-label of a task. gold: the identity of a gold copy, whose pre-label loses objects; empty for others."""
    made = prelabels(truth, rng=rng)
    return spoiled(made, gold, share=DEFAULT_GOLD.lost) if gold else made


def prelabels(truth: Masks, *, rng: np.random.Generator) -> Masks:
    """What a tracker makes: outlines off by 1.2 px; from some frame on a third of the objects is lost or stuck."""
    tracker = Person("tracker", Kind.CAREFUL, 1.2, 0.0, 0.0)
    made = tracker.masks(truth, lambda: truth, tiredness=0.0, rng=rng)
    count = len(made)
    for number in range(made.shape[1]):
        if rng.random() < 1 / 3:
            start = int(rng.integers(count // 3, count))
            made[start:, number] = False if rng.random() < 0.5 else made[start - 1, number]
    return made


def spoiled(prelabel: Masks, identity: str, *, share: float) -> Masks:
    """The pre-label of a gold copy: some of its objects are lost."""
    made = prelabel.copy()
    for number in range(made.shape[1]):
        start = lost_from(f"{identity}/{number}", len(made), share=share)
        if start is not None:
            made[start:, number] = False
    return made


def _redrawn(mask: NDArray[np.bool_], outline_px: float, bias_px: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """The mask with an outline that is off by a smooth random distance."""
    if not mask.any():
        return mask
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3)
    noise = cv2.GaussianBlur(rng.standard_normal(mask.shape).astype(np.float32), (0, 0), 4.0)
    scale = outline_px / max(float(noise.std()), 1e-6)
    return np.asarray(inside - outside + bias_px + scale * noise > 0)


def _slipped(made: Masks, rng: np.random.Generator) -> Masks:
    """A third of the frames: lost, moved by more than half the object's width, or as on the frame before."""
    count = len(made)
    length = max(count // 3, 1)
    start = int(rng.integers(0, count - length + 1))
    there = made[start : start + length]
    way = int(rng.integers(3))
    if way == 0 or not there.any():
        made[start : start + length] = False
    elif way == 1:
        columns = int(there.any(axis=(0, 1)).sum())
        made[start : start + length] = np.roll(there, int(columns * rng.choice([-0.5, 0.5])), axis=2)
    else:
        made[start : start + length] = made[max(start - 1, 0)]
    return made


def _swapped(made: Masks, rng: np.random.Generator) -> Masks:
    """The first two objects are exchanged from a frame of the first half on, in nine of ten tasks."""
    if made.shape[1] < 2 or rng.random() < 0.1:
        return made
    start = int(rng.integers(1, max(len(made) // 2, 2)))
    made[start:, [0, 1]] = made[start:, [1, 0]]
    return made


def _anywhere(truth: Masks, rng: np.random.Generator) -> Masks:
    """Discs of the object's size in random places, on nine of ten frames."""
    made = np.zeros_like(truth)
    height, width = truth.shape[2:]
    rows, columns = np.ogrid[:height, :width]
    for frame, number in np.ndindex(truth.shape[:2]):
        radius = np.sqrt(max(float(truth[:, number].sum(axis=(1, 2)).max()), 60.0) / np.pi)
        if rng.random() < 0.9:
            row, column = rng.uniform(0, height), rng.uniform(0, width)
            made[frame, number] = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    return made
