"""A generated video without decoding: any number of frames, made on request."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np

from backend.application.ports.frame_by_frame import FrameByFrame
from backend.domain.geometry import FrameSize, RgbFrame
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

TRAVEL = 512
"""Frames of one pan direction; within them all frames differ."""

_SHARPEST_PX = 3.0
_SHARPEST_HEIGHT = 64


class PanningVideo(FrameByFrame):
    """A VideoSource that pans to and fro over a noise picture. `read` lists the requested frames in order."""

    def __init__(self, frame_count: int, size: FrameSize) -> None:
        super().__init__(VideoInfo(ContentHash(f"{frame_count:064x}"), size, frame_count, Fraction(25)))
        self._travel = min(frame_count, TRAVEL)
        noise = np.random.default_rng(0).integers(0, 255, (size.height, size.width + self._travel, 3))
        scale = size.height / _SHARPEST_HEIGHT
        # Blurring lowers the contrast in proportion to its width; the factor restores it.
        smooth = cv2.GaussianBlur(noise.astype(np.float32), (0, 0), _SHARPEST_PX * scale)
        self._picture: RgbFrame = ((smooth - smooth.mean()) * 4 * scale + 128).clip(0, 255).astype(np.uint8)
        self.read: list[int] = []

    def frame(self, index: FrameIndex) -> RgbFrame:
        self._info.require_frame(index)
        self.read.append(index)
        turn, left = divmod(index, self._travel)
        if turn % 2:
            left = self._travel - 1 - left
        shown: RgbFrame = self._picture[:, left : left + self._info.size.width].copy()
        return shown
