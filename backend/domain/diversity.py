"""Diverse frame selection for videos without masks.

Owns three methods, named after their source: medoids (ours), Lightning Pose's and DeepLabCut's. They work on
thumbnails of the frames. Does not own decoding.
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


def diverse(method: ColdStart, thumbnails: Rows, count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Positions of up to `count` diverse rows, ascending. thumbnails: [N, D], one flattened thumbnail per row."""
    choose = {ColdStart.MEDOIDS: medoids, ColdStart.LIGHTNING_POSE: lightning_pose, ColdStart.DEEPLABCUT: deeplabcut}
    return choose[method](thumbnails, count, rng)


def medoids(thumbnails: Rows, count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """k-means; per cluster, the frame nearest to its center. Still frames count as much as moving ones."""
    return _nearest(thumbnails, kmeans(thumbnails, count, rng))


def lightning_pose(thumbnails: Rows, count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Lightning Pose's method: frames with more motion than the median (the 75th percentile from 100,000 frames on),
    PCA to at most 32 components, k-means; per cluster, the frame nearest to its center. Its app's thumbnails: 64 x 64.
    """
    energy = np.abs(np.diff(thumbnails, axis=0)).mean(axis=1) if len(thumbnails) > 1 else np.zeros(0)
    energy = np.concatenate([[0.0], energy])
    level = np.percentile(energy, 75 if len(thumbnails) >= LIGHTNING_POSE_LONG else 50)
    moving = np.flatnonzero(energy > level)
    if len(moving) < count:
        moving = np.arange(len(thumbnails))
    centered = thumbnails[moving] - thumbnails[moving].mean(axis=0)
    _, _, axes = np.linalg.svd(centered, full_matrices=False)
    reduced = centered @ axes[: min(LIGHTNING_POSE_COMPONENTS, len(moving))].T
    return tuple(int(moving[position]) for position in _nearest(reduced, kmeans(reduced, count, rng)))


def deeplabcut(thumbnails: Rows, count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """DeepLabCut's method: mini-batch k-means (batches of 100, 50 rounds); per cluster, a random frame. Its thumbnails
    are grey and 30 pixels wide.
    """
    centered = thumbnails - thumbnails.mean(axis=0)
    centers = _seeded(centered, count, rng)
    counts = np.zeros(len(centers))
    for _ in range(ROUNDS):
        batch = centered[rng.integers(len(centered), size=min(DEEPLABCUT_BATCH, len(centered)))]
        for row, label in zip(batch, _labels(batch, centers), strict=True):
            counts[label] += 1
            centers[label] += (row - centers[label]) / counts[label]
    labels = _labels(centered, centers)
    return tuple(sorted(int(rng.choice(np.flatnonzero(labels == label))) for label in np.unique(labels)))


def kmeans(rows: Rows, count: int, rng: np.random.Generator) -> Rows:
    """The centers of up to `count` clusters, [K, D]: k-means++, then Lloyd's steps until the assignment is stable."""
    centers = _seeded(rows, count, rng)
    labels = np.full(len(rows), -1)
    for _ in range(ROUNDS):
        new_labels = _labels(rows, centers)
        if np.array_equal(new_labels, labels):
            break
        labels = new_labels
        for label in np.unique(labels):
            centers[label] = rows[labels == label].mean(axis=0)
    return centers


def _seeded(rows: Rows, count: int, rng: np.random.Generator) -> Rows:
    """k-means++ seeds, [K, D]: each next seed is drawn in proportion to its squared distance from the chosen ones."""
    chosen = [int(rng.integers(len(rows)))]
    distance = ((rows - rows[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < min(count, len(rows)) and distance.max() > 0:
        chosen.append(int(rng.choice(len(rows), p=distance / distance.sum())))
        distance = np.minimum(distance, ((rows - rows[chosen[-1]]) ** 2).sum(axis=1))
    return rows[chosen].copy()


def _labels(rows: Rows, centers: Rows) -> NDArray[np.int64]:
    """The nearest center of each row, [N] int64. |r|^2 is constant per row and left out."""
    nearest: NDArray[np.int64] = ((centers**2).sum(axis=1)[None] - 2 * rows @ centers.T).argmin(axis=1)
    return nearest


def _nearest(rows: Rows, centers: Rows) -> tuple[int, ...]:
    labels = _labels(rows, centers)
    positions = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        positions.append(int(members[((rows[members] - centers[label]) ** 2).sum(axis=1).argmin()]))
    return tuple(sorted(positions))
