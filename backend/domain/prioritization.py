"""Which frames a person should look at next, so that a correction saves the most frames.

Owns the gain of looking at a frame: the uncertainty that a correction there would reach, not the frame's own. The worst
frame is often not the best one to correct. A batch keeps some frames for other ends: a few drawn at random (audits,
which alone say how often the unsuspected ones are wrong) and the middle of the widest stretch that nobody looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from backend.domain.video import FrameIndex

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

MOST_CANDIDATES = 2000
"""Longer curves are thinned to their most uncertain frames: the work grows with the square."""

STOP_BELOW = 0.1
_SHORTEST_GAP_S = 0.5


class Reason(StrEnum):
    """Why a frame was chosen."""

    GAIN = "gain"
    AUDIT = "audit"
    GAP = "gap"


@dataclass(frozen=True, slots=True, eq=False)
class FrameCurve:
    """What is known of a video's frames.

    frames: [N] frame indices, ascending. uncertainty: [N], the largest over the objects, 0..1. looks: [N, D] unit
    vectors, or [N, 0] if they were not recorded. taken: frames that a person has done. shots: [N] the number of each
    frame's shot, or None if the video is one.
    """

    frames: NDArray[np.int64]
    uncertainty: Vector
    looks: Matrix
    taken: frozenset[int]
    shots: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """How frames are chosen. Lengths are in frames.

    strength: the share of other frames' uncertainty that a correction is expected to settle at all; its own frame's is
    settled for certain, for a person drew it. ahead, behind: how far a correction reaches, as the length over which its
    worth falls to 1/e; ahead 0 stands for no reach at all: a frame is worth its own uncertainty. uses_looks: what looks
    different is not reached. spacing: frames of one batch keep this distance; None: half a second or a quarter of an
    even spread, whichever is longer; 0: none.
    """

    strength: float = 0.3
    ahead: float = 8.0
    behind: float = 4.0
    uses_looks: bool = True
    spacing: int | None = None
    audit_share: float = 0.1
    gap_share: float = 0.1

    @property
    def by_gain_alone(self) -> Policy:
        """The same without audits and gaps."""
        return replace(self, audit_share=0.0, gap_share=0.0)


USUAL = Policy()


@dataclass(frozen=True, slots=True)
class Choice:
    """A frame to look at. gain: the uncertainty that correcting it is expected to settle, in frames."""

    frame_index: FrameIndex
    reason: Reason
    gain: float


def choose_frames(
    curve: FrameCurve, count: int, *, policy: Policy, rng: np.random.Generator, frame_rate: float = 24.0
) -> tuple[Choice, ...]:
    """Up to `count` frames, those of the greatest gain first, then audits and gaps; none that is taken.

    A batch of fewer than five is chosen by gain alone.
    """
    curve = _thinned(curve)
    free = ~np.isin(curve.frames, sorted(curve.taken))
    count = min(count, int(free.sum()))
    audits, gaps = round(policy.audit_share * count), round(policy.gap_share * count)
    if count < 5:
        audits = gaps = 0
    found = _by_gain(curve, count - audits - gaps, policy, free, frame_rate)
    chosen = {choice.frame_index for choice in found}
    for _ in range(gaps):
        found.append(_widest_gap(curve, chosen))
        chosen.add(found[-1].frame_index)
    left = curve.frames[free & ~np.isin(curve.frames, sorted(chosen))]
    drawn = rng.choice(left, min(audits, len(left)), replace=False)
    return (*found, *(Choice(FrameIndex(int(frame)), Reason.AUDIT, 0.0) for frame in drawn))


def is_done(curve: FrameCurve, *, stop_below: float = STOP_BELOW) -> bool:
    """Whether no frame that nobody has looked at is doubtful any more."""
    left = curve.uncertainty[~np.isin(curve.frames, sorted(curve.taken))]
    return not len(left) or float(left.max()) < stop_below


def reach(curve: FrameCurve, policy: Policy) -> Matrix:
    """[N, N]: how much of frame t (column) a correction on frame f (row) is expected to settle, 0..1."""
    distance = curve.frames[None, :] - curve.frames[:, None]
    if policy.ahead <= 0:
        return np.eye(len(curve.frames))
    length = np.where(distance >= 0, policy.ahead, policy.behind)
    settled: Matrix = np.exp(-np.abs(distance) / length)
    if policy.uses_looks and curve.looks.shape[1]:
        settled = settled * np.clip(curve.looks @ curve.looks.T, 0.0, 1.0)
    if curve.shots is not None:
        settled = settled * (curve.shots[:, None] == curve.shots[None, :])
    settled = settled * policy.strength
    np.fill_diagonal(settled, 1.0)
    return settled


def _by_gain(curve: FrameCurve, count: int, policy: Policy, free: NDArray[np.bool_], frame_rate: float) -> list[Choice]:
    """Greedily: each next frame is worth what those before it do not reach."""
    settled = reach(curve, policy)
    covered = np.zeros(len(curve.frames))
    spacing = _spacing(curve, count, policy, frame_rate)
    open_now, found = free.copy(), list[Choice]()
    while len(found) < count:
        if not open_now.any():
            # Too few frames for this distance: those that are too near are better than none.
            spacing //= 2
            open_now = free & ~_near(curve.frames, [choice.frame_index for choice in found], spacing)
            continue
        gains = np.maximum(settled - covered, 0.0) @ curve.uncertainty
        best = int(np.where(open_now, gains, -1.0).argmax())
        found.append(Choice(FrameIndex(int(curve.frames[best])), Reason.GAIN, float(gains[best])))
        covered = np.maximum(covered, settled[best])
        open_now &= ~_near(curve.frames, [found[-1].frame_index], spacing)
    return found


def _spacing(curve: FrameCurve, count: int, policy: Policy, frame_rate: float) -> int:
    if policy.spacing is not None:
        return policy.spacing
    even = len(curve.frames) / (4 * max(count, 1))
    return int(max(_SHORTEST_GAP_S * frame_rate, even)) if count > 1 else 0


def _near(frames: NDArray[np.int64], chosen: Sequence[int], spacing: int) -> NDArray[np.bool_]:
    """Which frames are chosen, or nearer to a chosen one than the spacing."""
    if not chosen:
        return np.zeros(len(frames), np.bool_)
    nearest: NDArray[np.int64] = np.abs(frames[:, None] - np.asarray(chosen)[None, :]).min(axis=1)
    return nearest < max(spacing, 1)


def _widest_gap(curve: FrameCurve, chosen: Collection[int]) -> Choice:
    """The frame farthest from all that are taken or chosen; the video's middle if there are none."""
    looked = np.array(sorted({*curve.taken, *chosen}), np.int64)
    if not len(looked):
        return Choice(FrameIndex(int(curve.frames[len(curve.frames) // 2])), Reason.GAP, 0.0)
    distance = np.abs(curve.frames[:, None] - looked[None, :]).min(axis=1)
    return Choice(FrameIndex(int(curve.frames[int(distance.argmax())])), Reason.GAP, 0.0)


def _thinned(curve: FrameCurve) -> FrameCurve:
    """At most MOST_CANDIDATES frames: of each stretch of neighbours the most uncertain one."""
    count = len(curve.frames)
    if count <= MOST_CANDIDATES:
        return curve
    starts = np.linspace(0, count, MOST_CANDIDATES, endpoint=False).astype(int)
    parts = np.split(np.arange(count), starts[1:])
    free = np.where(np.isin(curve.frames, sorted(curve.taken)), -1.0, curve.uncertainty)
    kept = np.array([part[int(free[part].argmax())] for part in parts])
    weights = np.array([curve.uncertainty[part].mean() for part in parts])
    shots = None if curve.shots is None else curve.shots[kept]
    return FrameCurve(curve.frames[kept], weights, curve.looks[kept], curve.taken, shots)
