"""Prioritization: chooses the next frames for human correction, by expected gain.

Owns the gain: the uncertainty over all frames that a correction is expected to settle, not the frame's own. The most
uncertain frame is often not the best one to correct. A batch also has audit frames, drawn at random to measure the
failure rate of unsuspected frames, and the middles of the widest gaps between human
and chosen frames.
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
"""Longer curves are thinned to their most uncertain frames: the cost grows with the square."""

STOP_BELOW = 0.1
SUSPECTED_FROM = 0.5
"""The uncertainty from which a frame is suspected: it is no audit frame."""
_SHORTEST_GAP_S = 0.5


class Reason(StrEnum):
    """The reason for a choice. DISAGREEMENT: people differ on the frame."""

    GAIN = "gain"
    AUDIT = "audit"
    GAP = "gap"
    DISAGREEMENT = "disagreement"


@dataclass(frozen=True, slots=True, eq=False)
class FrameCurve:
    """Uncertainty, embeddings and human frames of a video.

    frames: [N] frame indices, ascending. uncertainty: [N], the largest over the objects, 0..1. embeddings: [N, D] unit
    vectors, or [N, 0] if not recorded. corrected: the human frames. shots: [N] each frame's shot number, or None if the
    video is one shot.
    """

    frames: NDArray[np.int64]
    uncertainty: Vector
    embeddings: Matrix
    corrected: frozenset[int]
    shots: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """Parameters of the choice. Lengths are in frames.

    strength: the largest share of another frame's uncertainty that a correction settles; the corrected frame itself is
    settled fully. ahead, behind: the lengths over which the settled share falls to 1/e, after and before the
    correction; ahead 0: a correction settles its own frame only. uses_embeddings: scale the settled share by the cosine
    of the embeddings. spacing: the minimum distance of frames in a batch; None: half a second or a quarter of an even
    spread, whichever is longer; 0: none. audit_share, gap_share: shares of a batch.
    """

    strength: float = 0.3
    ahead: float = 8.0
    behind: float = 4.0
    uses_embeddings: bool = True
    spacing: int | None = None
    audit_share: float = 0.1
    gap_share: float = 0.1

    @property
    def by_gain_alone(self) -> Policy:
        """The same policy without audits and gaps."""
        return replace(self, audit_share=0.0, gap_share=0.0)


DEFAULT_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Choice:
    """A frame to correct. gain: the uncertainty that the correction is expected to settle, in frames."""

    frame_index: FrameIndex
    reason: Reason
    gain: float


def choose_frames(
    curve: FrameCurve, count: int, *, policy: Policy, rng: np.random.Generator, frame_rate: float = 24.0
) -> tuple[Choice, ...]:
    """Up to `count` frames without human frames: by descending gain, then gaps, then audits.

    A batch of fewer than five is chosen by gain alone. Audits are unsuspected frames; if they are too few, gain takes
    their places.
    """
    unsuspected = unsuspected_frames(curve)
    curve = _thinned(curve)
    free = ~np.isin(curve.frames, sorted(curve.corrected))
    count = min(count, int(free.sum()))
    audits, gaps = round(policy.audit_share * count), round(policy.gap_share * count)
    if count < 5:
        audits = gaps = 0
    auditable = free & np.isin(curve.frames, unsuspected)
    audits = min(audits, int(auditable.sum()))
    choices = _by_gain(curve, count - audits - gaps, policy, free, frame_rate)
    chosen = {choice.frame_index for choice in choices}
    for _ in range(gaps):
        choices.append(_widest_gap(curve, chosen))
        chosen.add(choices[-1].frame_index)
    remaining = curve.frames[auditable & ~np.isin(curve.frames, sorted(chosen))]
    drawn = rng.choice(remaining, min(audits, len(remaining)), replace=False)
    return (*choices, *(Choice(FrameIndex(int(frame)), Reason.AUDIT, 0.0) for frame in drawn))


def unsuspected_frames(curve: FrameCurve) -> NDArray[np.int64]:
    """[M] frame indices, ascending, of the frames below SUSPECTED_FROM without human frames: they may be audits."""
    free = ~np.isin(curve.frames, sorted(curve.corrected))
    return np.asarray(curve.frames[free & (curve.uncertainty < SUSPECTED_FROM)], np.int64)


def is_done(curve: FrameCurve, *, stop_below: float = STOP_BELOW) -> bool:
    """Whether every frame that is not a human frame has an uncertainty below `stop_below`."""
    remaining = curve.uncertainty[~np.isin(curve.frames, sorted(curve.corrected))]
    return not len(remaining) or float(remaining.max()) < stop_below


def settled_share(curve: FrameCurve, policy: Policy) -> Matrix:
    """[N, N]: the share of frame t's uncertainty (column) that a correction on frame f (row) settles, 0..1."""
    distance = curve.frames[None, :] - curve.frames[:, None]
    if policy.ahead <= 0:
        return np.eye(len(curve.frames))
    length = np.where(distance >= 0, policy.ahead, policy.behind)
    settled: Matrix = np.exp(-np.abs(distance) / length)
    if policy.uses_embeddings and curve.embeddings.shape[1]:
        settled = settled * np.clip(curve.embeddings @ curve.embeddings.T, 0.0, 1.0)
    if curve.shots is not None:
        settled = settled * (curve.shots[:, None] == curve.shots[None, :])
    settled = settled * policy.strength
    np.fill_diagonal(settled, 1.0)
    return settled


def _by_gain(curve: FrameCurve, count: int, policy: Policy, free: NDArray[np.bool_], frame_rate: float) -> list[Choice]:
    """Greedy choice: a frame's gain counts only uncertainty that earlier choices do not settle."""
    settled = settled_share(curve, policy)
    covered = np.zeros(len(curve.frames))
    spacing = _spacing(curve, count, policy, frame_rate)
    available, choices = free.copy(), list[Choice]()
    while len(choices) < count:
        if not available.any():
            # Too few frames at this spacing: halve it.
            spacing //= 2
            available = free & ~_near(curve.frames, [choice.frame_index for choice in choices], spacing)
            continue
        gains = np.maximum(settled - covered, 0.0) @ curve.uncertainty
        best = int(np.where(available, gains, -1.0).argmax())
        choices.append(Choice(FrameIndex(int(curve.frames[best])), Reason.GAIN, float(gains[best])))
        covered = np.maximum(covered, settled[best])
        available &= ~_near(curve.frames, [choices[-1].frame_index], spacing)
    return choices


def _spacing(curve: FrameCurve, count: int, policy: Policy, frame_rate: float) -> int:
    if policy.spacing is not None:
        return policy.spacing
    even = len(curve.frames) / (4 * max(count, 1))
    return int(max(_SHORTEST_GAP_S * frame_rate, even)) if count > 1 else 0


def _near(frames: NDArray[np.int64], chosen: Sequence[int], spacing: int) -> NDArray[np.bool_]:
    """[N] bool: frames that are chosen or closer to a chosen one than the spacing."""
    if not chosen:
        return np.zeros(len(frames), np.bool_)
    nearest: NDArray[np.int64] = np.abs(frames[:, None] - np.asarray(chosen)[None, :]).min(axis=1)
    return nearest < max(spacing, 1)


def _widest_gap(curve: FrameCurve, chosen: Collection[int]) -> Choice:
    """The frame farthest from all human and chosen frames; the video's middle if there are none."""
    occupied = np.array(sorted({*curve.corrected, *chosen}), np.int64)
    if not len(occupied):
        return Choice(FrameIndex(int(curve.frames[len(curve.frames) // 2])), Reason.GAP, 0.0)
    distance = np.abs(curve.frames[:, None] - occupied[None, :]).min(axis=1)
    return Choice(FrameIndex(int(curve.frames[int(distance.argmax())])), Reason.GAP, 0.0)


def _thinned(curve: FrameCurve) -> FrameCurve:
    """At most MOST_CANDIDATES frames: the most uncertain one of each range, weighted by the range's mean."""
    count = len(curve.frames)
    if count <= MOST_CANDIDATES:
        return curve
    starts = np.linspace(0, count, MOST_CANDIDATES, endpoint=False).astype(int)
    parts = np.split(np.arange(count), starts[1:])
    free = np.where(np.isin(curve.frames, sorted(curve.corrected)), -1.0, curve.uncertainty)
    kept = np.array([part[int(free[part].argmax())] for part in parts])
    weights = np.array([curve.uncertainty[part].mean() for part in parts])
    shots = None if curve.shots is None else curve.shots[kept]
    return FrameCurve(curve.frames[kept], weights, curve.embeddings[kept], curve.corrected, shots)
