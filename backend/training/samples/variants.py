"""Variants of a video: mirrored, turned, scaled, cropped and recoloured, the same for all of its frames.

A variant is a function of seed, video and number. Variant 0 is the video as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.domain.geometry import BoolMask

Rng = np.random.Generator

LARGEST_TURN = 0.35
"""Radians."""

SCALES = (0.8, 1.6)


@dataclass(frozen=True, slots=True)
class Variant:
    """matrix: float64 [2, 3], from relative coordinates of the frame to those of the variant.

    gain, offset: float32 [3], of the channels, offset in 0..255. blur: standard deviation in pixels, 0 for none. noise:
    standard deviation in 0..255.
    """

    matrix: NDArray[np.float64]
    gain: NDArray[np.float32]
    offset: NDArray[np.float32]
    saturation: float
    blur: float
    noise: float
    seed: int

    def frame(self, pixels: NDArray[np.uint8], side: int, index: int) -> NDArray[np.uint8]:
        """A frame [R, R, 3] uint8 as this variant, uint8 [side, side, 3]. index: of the frame, seeds its noise."""
        if self.is_plain:
            return np.asarray(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        border = [float(value) for value in pixels.mean((0, 1))]
        matrix = _in_pixels(self.matrix, pixels.shape[1], pixels.shape[0], side)
        image = cv2.warpAffine(
            pixels, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=border
        ).astype(np.float32)
        grey = image.mean(-1, keepdims=True)
        image = (grey + (image - grey) * self.saturation) * self.gain + self.offset
        if self.blur > 0:
            image = cv2.GaussianBlur(image, (0, 0), self.blur)
        if self.noise > 0:
            image = image + np.random.default_rng((self.seed, index)).normal(0, self.noise, image.shape)
        return np.asarray(np.clip(image, 0, 255), np.uint8)

    def mask(self, mask: BoolMask, side: int) -> BoolMask:
        """A mask [H, W] bool as this variant, bool [side, side]."""
        matrix = _in_pixels(self.matrix, mask.shape[1], mask.shape[0], side)
        soft = cv2.warpAffine(mask.astype(np.float32), matrix, (side, side), flags=cv2.INTER_LINEAR)
        return np.asarray(soft >= 0.5, np.bool_)

    @property
    def is_plain(self) -> bool:
        return self.seed == 0


def plain() -> Variant:
    """The video as it is."""
    one, none = np.ones(3, np.float32), np.zeros(3, np.float32)
    return Variant(np.eye(2, 3), one, none, 1.0, 0.0, 0.0, 0)


def draw_variant(seed: int, video: int, number: int) -> Variant:
    """The variant of a number; plain for 0."""
    if number == 0:
        return plain()
    rng = np.random.default_rng((seed, 61, video, number))
    grey_gain = rng.uniform(0.75, 1.3)
    return Variant(
        matrix=_draw_matrix(rng),
        gain=(grey_gain * rng.uniform(0.92, 1.08, 3)).astype(np.float32),
        offset=(rng.uniform(-20, 20) + rng.uniform(-6, 6, 3)).astype(np.float32),
        saturation=float(rng.uniform(0.6, 1.3)),
        blur=float(rng.uniform(0.3, 0.9)) if rng.random() < 0.25 else 0.0,
        noise=float(rng.uniform(1, 7)) if rng.random() < 0.3 else 0.0,
        seed=int(rng.integers(1, 1 << 31)),
    )


def _draw_matrix(rng: Rng) -> NDArray[np.float64]:
    """Turned and scaled around the frame's centre, mirrored at times, then moved."""
    angle = rng.uniform(-LARGEST_TURN, LARGEST_TURN) if rng.random() < 0.6 else 0.0
    scale = float(np.exp(rng.uniform(*np.log(SCALES))))
    stretch = np.exp(rng.uniform(-0.12, 0.12))
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([scale * stretch, scale / stretch])
    mirror = np.diag([-1.0 if rng.random() < 0.5 else 1.0, -1.0 if rng.random() < 0.3 else 1.0])
    linear = turn @ mirror
    room = 0.5 * abs(scale - 1.0) + 0.03
    shift = 0.5 - linear @ np.array([0.5, 0.5]) + rng.uniform(-room, room, 2)
    return np.hstack([linear, shift[:, None]])


def _in_pixels(matrix: NDArray[np.float64], width: int, height: int, side: int) -> NDArray[np.float64]:
    """The matrix between pixel centres: from [height, width] to [side, side]."""
    linear = matrix[:, :2] * side / np.array([width, height])
    shift = matrix[:, 2] * side + linear @ np.array([0.5, 0.5]) - 0.5
    return np.hstack([linear, shift[:, None]])
