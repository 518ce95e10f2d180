"""Small clips of discs with a person's masks on a few frames."""

from __future__ import annotations

import cv2
import numpy as np

from scripts.benchmarks.training_domain.source import ClipLabels, LabelledClip

SIZE = (48, 64)
FRAMES = 6


def disc_clip(number: int, labelled: tuple[int, ...] = (0, 2, 4), *, absent: tuple[int, ...] = ()) -> LabelledClip:
    """Two discs that move apart. absent: the frames without the second one."""
    rng = np.random.default_rng(number)
    frames = rng.integers(60, 110, (FRAMES, *SIZE, 3)).astype(np.uint8)
    masks = np.zeros((FRAMES, 2, *SIZE), np.bool_)
    for t in range(FRAMES):
        for place, (x, colour) in enumerate(((18 - t, 220), (44 + t, 20))):
            if place == 1 and t in absent:
                continue
            disc = np.zeros(SIZE, np.uint8)
            cv2.circle(disc, (x, 24 + number % 5), 9, (1,), -1)
            masks[t, place] = disc > 0
            frames[t][masks[t, place]] = colour
    return LabelledClip(f"clip-{number}", frames, masks, labelled)


def disc_labels(count: int) -> ClipLabels:
    return ClipLabels([disc_clip(number) for number in range(count)])
