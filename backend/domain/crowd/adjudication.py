"""Adjudication: on which frames the crowd disagrees so far that one more person has to decide, worst first."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from backend.domain.crowd.agreement import AGREES_FROM

CERTAIN_BELOW = 0.15
"""A frame whose consensus is less uncertain needs nobody, although people differ: trust settles it."""


class Conflict(StrEnum):
    """Why people disagree on a frame."""

    PRESENCE = "presence"
    OVERLAP = "low IoU"
    TWO = "two people"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An object on a frame. doubt: the consensus' uncertainty, 0..1; the order of adjudication."""

    object_number: int
    frame_index: int
    doubt: float
    conflicts: tuple[Conflict, ...]

    @property
    def needs_adjudication(self) -> bool:
        return bool(self.conflicts) and self.doubt >= CERTAIN_BELOW


def conflicts_of(ious: NDArray[np.float64], present: NDArray[np.bool_]) -> tuple[Conflict, ...]:
    """ious: [P] of the pairs of people, nan where neither has a mask. present: [n].

    TWO goes with another conflict: of two people that differ, no majority decides.
    """
    found = []
    if present.any() and not present.all():
        found.append(Conflict.PRESENCE)
    both = ious[~np.isnan(ious) & (ious > 0)]
    if present.sum() >= 2 and (len(both) < math.comb(int(present.sum()), 2) or float(both.min()) < AGREES_FROM):
        found.append(Conflict.OVERLAP)
    if found and len(present) == 2:
        found.append(Conflict.TWO)
    return tuple(found)


def worst_first(found: Iterable[Disagreement]) -> list[Disagreement]:
    """Those that need adjudication, the most doubtful first."""
    needed = (each for each in found if each.needs_adjudication)
    return sorted(needed, key=lambda each: (-each.doubt, each.frame_index, each.object_number))


def spread(found: Iterable[Disagreement], *, apart: int) -> list[Disagreement]:
    """The most doubtful first, without those within `apart` frames of an earlier one, of any object.

    The frames beside a corrected one are mended with it.
    """
    kept: list[Disagreement] = []
    for each in worst_first(found):
        if all(abs(each.frame_index - other.frame_index) >= apart for other in kept):
            kept.append(each)
    return kept
