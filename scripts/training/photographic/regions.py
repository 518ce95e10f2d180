"""Single frames whose targets are regions of a photograph in their place: real texture on both sides of the outline."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.training.photographic.exposure import draw_exposure, expose
from scripts.training.photographic.sprites import photo_window
from scripts.training.pictures.library import PictureLibrary
from scripts.training.pictures.packages import Kind

Rng = np.random.Generator
Batch = tuple[NDArray[np.uint8], NDArray[np.bool_]]
AREA = (0.008, 0.35)
FEWEST_FILLED = 0.35
"""The share of its box that a region covers at least; less is mostly outline."""

THINNEST = 0.05
TRIES = 8


def region_masks(rng: Rng, picture: NDArray[np.uint8], count: int) -> NDArray[np.bool_] | None:
    """``count`` regions of a picture as masks bool [N, H, W], or None if it has too few."""
    from skimage.segmentation import felzenszwalb

    side = len(picture)
    scale = float(np.exp(rng.uniform(np.log(60), np.log(500))))
    labels: NDArray[np.int64] = felzenszwalb(picture, scale=scale, sigma=0.8, min_size=int(0.004 * side * side))
    masks = [mask for label in np.unique(labels).tolist() if (mask := _tidied(labels == label)) is not None]
    if len(masks) < count:
        return None
    chosen = rng.permutation(len(masks))[:count]
    return np.stack([masks[int(index)] for index in chosen])


def _tidied(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The largest part of a region without holes and thin ends; None for one that is too small, large or thin."""
    kernel = np.ones((3, 3), np.uint8)
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    _, _, width, height, area = (int(value) for value in stats[largest])
    is_thin = min(width, height) < max(0.15 * max(width, height), THINNEST * len(mask))
    if is_thin or not AREA[0] < area / mask.size < AREA[1] or area < FEWEST_FILLED * width * height:
        return None
    return np.asarray(parts == largest, np.bool_)


def region_batch(library: PictureLibrary, seed: tuple[int, ...], scenes: int, side: int, targets: int) -> Batch:
    """Frames uint8 [S, 1, side, side, 3] and masks bool [S, 1, N, side, side], a function of the seed.

    A scene without enough regions after TRIES photographs has empty masks for the missing ones.
    """
    frames, masks = [], []
    for index in range(scenes):
        rng = np.random.default_rng((*seed, index))
        found: NDArray[np.bool_] | None = None
        for _ in range(TRIES):
            photo = library.draw(rng, Kind.PHOTOGRAPH)
            picture = photo_window(rng, photo, (side, side), 0.2, 1.0)
            found = region_masks(rng, picture, targets)
            if found is not None:
                break
        masks.append(np.zeros((1, targets, side, side), np.bool_) if found is None else found[None])
        frames.append(expose([picture.astype(np.float32)], draw_exposure(rng, 1, side)))
    return np.stack(frames), np.stack(masks)
