"""Segments of photographs as cut-outs: regions of similar colour with the outline that the photograph gives them."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
WORKING_SIDE = 480
SCALES = (150.0, 500.0)
AREA = (0.008, 0.25)
MOST_PER_PHOTO = 24


def segments_of(photo: Picture, rng: np.random.Generator) -> Iterator[Picture]:
    """Cut-outs RGBA uint8 of one photograph: single regions and unions of two that touch."""
    from skimage.segmentation import felzenszwalb

    scale = WORKING_SIDE / max(photo.shape[:2])
    small = np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    cuts: list[Picture] = []
    for value in SCALES:
        labels: NDArray[np.int64] = felzenszwalb(small, scale=value, sigma=0.8, min_size=400)
        for mask in _regions(labels, rng):
            cut = _cut(small, mask)
            if cut is not None:
                cuts.append(cut)
    for index in rng.permutation(len(cuts))[:MOST_PER_PHOTO]:
        yield cuts[int(index)]


def _regions(labels: NDArray[np.int64], rng: np.random.Generator) -> Iterator[NDArray[np.bool_]]:
    for label in np.unique(labels).tolist():
        mask = labels == label
        if not AREA[0] < mask.mean() < AREA[1]:
            continue
        yield mask
        edge = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        beside = np.unique(labels[edge & ~mask])
        union = mask | (labels == beside[int(rng.integers(len(beside)))]) if len(beside) else mask
        if AREA[0] < union.mean() < AREA[1]:
            yield union


def _cut(photo: Picture, mask: NDArray[np.bool_]) -> Picture | None:
    """The region with closed holes and a smooth edge; None for a region that is mostly outline."""
    kernel = np.ones((5, 5), np.uint8)
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, kernel)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    x, y, width, height, area = (int(value) for value in stats[largest])
    if area < 0.3 * width * height or min(width, height) < 24:
        return None
    alpha = cv2.GaussianBlur((parts == largest).astype(np.float32) * 255, (0, 0), 0.8)
    rgba = np.dstack([photo, alpha.astype(np.uint8)])
    return np.ascontiguousarray(rgba[y : y + height, x : x + width])
