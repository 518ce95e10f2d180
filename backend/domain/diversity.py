"""Which frames to begin with when there are no masks yet: such as differ from each other.

Owns three ways, each under the name of those it comes from: medoids (ours), Lightning Pose's and DeepLabCut's. They
work on small pictures of the frames, not on the frames; where those come from is not their business.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]

ROUNDS = 50
LIGHTNING_POSE_COMPONENTS = 32
LIGHTNING_POSE_LONG = 100_000
DEEPLABCUT_BATCH = 100


class ColdStart(StrEnum):
    """How frames are chosen without masks."""

    MEDOIDS = "medoids"
    LIGHTNING_POSE = "lightning-pose"
    DEEPLABCUT = "deeplabcut"


def diverse(method: ColdStart, pictures: Rows, count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Positions of up to `count` rows, ascending, by a method. pictures: [N, D], a flattened small picture each."""
    choose = {ColdStart.MEDOIDS: medoids, ColdStart.LIGHTNING_POSE: lightning_pose, ColdStart.DEEPLABCUT: deeplabcut}
    return choose[method](pictures, count, rng)


def medoids(pictures: Rows, count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """k-means, and of each cluster the frame nearest to its middle; frames at rest count as much as moving ones."""
    return _nearest(pictures, kmeans(pictures, count, rng))


def lightning_pose(pictures: Rows, count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Lightning Pose's: frames with more motion than the median (the 75th percentile from 100,000 frames on), PCA to at
    most 32 components, k-means, and of each cluster the frame nearest to its middle. Its app's pictures are 64 x 64.
    """
    energy = np.abs(np.diff(pictures, axis=0)).mean(axis=1) if len(pictures) > 1 else np.zeros(0)
    energy = np.concatenate([[0.0], energy])
    level = np.percentile(energy, 75 if len(pictures) >= LIGHTNING_POSE_LONG else 50)
    moving = np.flatnonzero(energy > level)
    if len(moving) < count:
        moving = np.arange(len(pictures))
    centred = pictures[moving] - pictures[moving].mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    reduced = centred @ axes[: min(LIGHTNING_POSE_COMPONENTS, len(moving))].T
    return tuple(int(moving[position]) for position in _nearest(reduced, kmeans(reduced, count, rng)))


def deeplabcut(pictures: Rows, count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """DeepLabCut's: mini-batch k-means (batches of 100, 50 rounds) and of each cluster a frame drawn at random. Its
    pictures are grey and 30 pixels wide.
    """
    centred = pictures - pictures.mean(axis=0)
    centres = _seeded(centred, count, rng)
    counts = np.zeros(len(centres))
    for _ in range(ROUNDS):
        batch = centred[rng.integers(len(centred), size=min(DEEPLABCUT_BATCH, len(centred)))]
        for row, label in zip(batch, _labels(batch, centres), strict=True):
            counts[label] += 1
            centres[label] += (row - centres[label]) / counts[label]
    labels = _labels(centred, centres)
    return tuple(sorted(int(rng.choice(np.flatnonzero(labels == label))) for label in np.unique(labels)))


def kmeans(rows: Rows, count: int, rng: np.random.Generator) -> Rows:
    """The middles of up to `count` clusters, [K, D]: k-means++ and Lloyd's steps until nothing moves."""
    centres = _seeded(rows, count, rng)
    labels = np.full(len(rows), -1)
    for _ in range(ROUNDS):
        fresh = _labels(rows, centres)
        if np.array_equal(fresh, labels):
            break
        labels = fresh
        for label in np.unique(labels):
            centres[label] = rows[labels == label].mean(axis=0)
    return centres


def _seeded(rows: Rows, count: int, rng: np.random.Generator) -> Rows:
    """k-means++: each next middle is drawn in proportion to its squared distance from those before."""
    chosen = [int(rng.integers(len(rows)))]
    distance = ((rows - rows[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < min(count, len(rows)) and distance.max() > 0:
        chosen.append(int(rng.choice(len(rows), p=distance / distance.sum())))
        distance = np.minimum(distance, ((rows - rows[chosen[-1]]) ** 2).sum(axis=1))
    return rows[chosen].copy()


def _labels(rows: Rows, centres: Rows) -> NDArray[np.int64]:
    """The nearest middle of each row: |r|^2 is the same for all of them and left out."""
    nearest: NDArray[np.int64] = ((centres**2).sum(axis=1)[None] - 2 * rows @ centres.T).argmin(axis=1)
    return nearest


def _nearest(rows: Rows, centres: Rows) -> tuple[int, ...]:
    labels = _labels(rows, centres)
    found = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        found.append(int(members[((rows[members] - centres[label]) ** 2).sum(axis=1).argmin()]))
    return tuple(sorted(found))
