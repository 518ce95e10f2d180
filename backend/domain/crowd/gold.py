"""Gold: tasks whose truth is known. Which of their frames are compared, and how many copies are mixed in."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backend.domain.crowd.agreement import AGREES_FROM

MOST_FRAMES = 5
"""Compared frames of a gold task: its frames are right or wrong together, and more say little more."""


@dataclass(frozen=True, slots=True)
class GoldPolicy:
    """share: of the tasks that people meet. newcomers: the share as long as a person has too few observations.

    newcomer_until: observations of gold masks up to which a person counts as a newcomer. lost: the share of the objects
    of a copy that its pre-label loses.
    """

    share: float = 0.1
    newcomers: float = 0.2
    newcomer_until: float = 30.0
    lost: float = 0.6

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 0.5 or not 0.0 <= self.newcomers <= 0.5:
            raise ValueError(f"shares of gold lie within 0 and 0.5, not {self.share} and {self.newcomers}")


DEFAULT_GOLD = GoldPolicy()


@dataclass(frozen=True, slots=True)
class GoldMask:
    """A person's mask of a gold object on a compared frame. iou: with the truth; two without a mask agree: 1."""

    frame_index: int
    label: str
    iou: float

    @property
    def is_right(self) -> bool:
        return self.iou >= AGREES_FROM


def compared_frames(frame_count: int, *, offset: float) -> tuple[int, ...]:
    """The frames of a gold task that are compared, ascending: at most MOST_FRAMES, evenly spread.

    offset: 0..1, drawn for each task, so that nobody can tell the frames.
    """
    count = min(MOST_FRAMES, frame_count)
    return tuple(min(int((number + offset % 1.0) * frame_count / count), frame_count - 1) for number in range(count))


def lost_from(identity: str, frame_count: int, *, share: float) -> int | None:
    """The frame from which a gold copy's pre-label lacks an object, in the first half; None: it keeps it.

    Whoever accepts what is shown is recognised by it: a lost object is what a tracker's own failure looks like. The
    choice is a function of the identity (of copy and object), which must not be guessable. share: of the objects.
    """
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).digest()
    chance, place = (int.from_bytes(digest[at : at + 4]) / 2**32 for at in (0, 4))
    return int(place * frame_count / 2) if chance < share else None


def wanted_share(gold_observations: Iterable[float], policy: GoldPolicy = DEFAULT_GOLD) -> float:
    """The share of gold among the next tasks, the mean of what each person should meet.

    gold_observations: of each person, after decay. Nobody yet: all are newcomers.
    """
    shares = [policy.newcomers if observed < policy.newcomer_until else policy.share for observed in gold_observations]
    return sum(shares) / len(shares) if shares else policy.newcomers


def copies_wanted(ordinary: int, gold: int, share: float) -> int:
    """How many gold copies to add so that gold is that share of the open tasks. ordinary, gold: open tasks of each."""
    return max(math.ceil((share * ordinary - (1.0 - share) * gold) / (1.0 - share) - 1e-9), 0) if share > 0 else 0


def in_turn(used: Sequence[int], count: int) -> list[int]:
    """The places of the gold tasks to copy next, the least copied first. used: copies of each; empty: none."""
    made = list(used)
    chosen = []
    for _ in range(count if made else 0):
        least = min(range(len(made)), key=lambda at: (made[at], at))
        made[least] += 1
        chosen.append(least)
    return chosen
