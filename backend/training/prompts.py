"""Prompts sampled from true masks: clicks, corrective clicks from the error, jittered boxes, mixed points.

Uses numpy on the CPU. Coordinates are (x, y) pixels of the training frame; labels follow SAM 2:
1 positive, 0 negative, 2 and 3 the corners of a box.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class Points:
    """``xy_px`` float32 [B, P, 2] and ``labels`` int32 [B, P]."""

    xy_px: NDArray[np.float32]
    labels: NDArray[np.int32]

    def then(self, other: Points) -> Points:
        """These points followed by ``other``'s, object by object."""
        return Points(np.concatenate([self.xy_px, other.xy_px], 1), np.concatenate([self.labels, other.labels], 1))


def _inside(rng: Rng, mask: NDArray[np.bool_], central: bool) -> tuple[float, float]:
    """A pixel (x, y) of ``mask``: the farthest from its edge if central, else any; the frame's centre if empty."""
    if not mask.any():
        return mask.shape[1] / 2, mask.shape[0] / 2
    if central:
        padded = np.pad(mask.astype(np.uint8), 1)
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
        flat = int(np.argmax(distance + rng.random(distance.shape, np.float32) * 0.5))
    else:
        candidates = np.flatnonzero(mask)
        flat = int(candidates[rng.integers(len(candidates))])
    return flat % mask.shape[1], flat // mask.shape[1]


def one_click(rng: Rng, truth: Masks) -> Points:
    """One positive click per object of ``truth`` [B, H, W]: half are central, half anywhere inside."""
    xy = np.array([[_inside(rng, mask, rng.random() < 0.5)] for mask in truth], np.float32)
    return Points(xy, np.ones((len(truth), 1), np.int32))


def corrective_click(rng: Rng, truth: Masks, predicted: Masks, central: bool) -> Points:
    """One click per object in the larger error region: positive in missed pixels, negative in false ones."""
    xy = np.empty((len(truth), 1, 2), np.float32)
    labels = np.ones((len(truth), 1), np.int32)
    for index, (mask, guess) in enumerate(zip(truth, predicted, strict=True)):
        missed, false_pixels = mask & ~guess, guess & ~mask
        negative = false_pixels.sum() > missed.sum()
        region = false_pixels if negative else missed if missed.any() else mask
        labels[index, 0] = 0 if negative else 1
        xy[index, 0] = _inside(rng, region, central)
    return Points(xy, labels)


def jittered_box(rng: Rng, truth: Masks, jitter: float) -> Points:
    """A box per object as its two corners, each side moved by up to ``jitter`` of the box (SAM 2: 0.1)."""
    xy = np.empty((len(truth), 2, 2), np.float32)
    height, width = truth.shape[1:]
    for index, mask in enumerate(truth):
        if not mask.any():
            xy[index] = [[0, 0], [width, height]]
            continue
        ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        corners = np.array([[xs[0], ys[0]], [xs[-1] + 1, ys[-1] + 1]], np.float32)
        corners += rng.uniform(-jitter, jitter, (2, 2)) * (corners[1] - corners[0])
        xy[index] = np.clip(corners, 0, [width, height])
    return Points(xy, np.tile(np.array([2, 3], np.int32), (len(truth), 1)))


def mixed_points(rng: Rng, truth: Masks, count: int) -> Points:
    """``count`` points an object, the first positive, the others of either polarity near the object."""
    points = one_click(rng, truth)
    for _ in range(count - 1):
        xy = np.empty((len(truth), 1, 2), np.float32)
        labels = np.empty((len(truth), 1), np.int32)
        for index, mask in enumerate(truth):
            positive = rng.random() < 0.6
            around = cv2.dilate(mask.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
            xy[index, 0] = _inside(rng, mask if positive else around & ~mask, False)
            labels[index, 0] = int(positive)
        points = points.then(Points(xy, labels))
    return points
