"""A synthetic clip as a VideoSource."""

from __future__ import annotations

import hashlib
from fractions import Fraction

from backend.application.ports.frame_by_frame import FrameByFrame
from backend.domain.geometry import FrameSize, RgbFrame
from backend.domain.video import ContentHash, FrameIndex, VideoInfo
from backend.evaluation.synthetic.renderer import ByteArray

FRAME_RATE = 24


class ClipSource(FrameByFrame):
    """A VideoSource over frames in memory, uint8 [T, H, W, 3] RGB."""

    def __init__(self, frames: ByteArray, frame_rate: int = FRAME_RATE) -> None:
        self._frames = frames
        count, height, width = frames.shape[:3]
        digest = hashlib.sha256(repr(frames.shape).encode() + frames.tobytes()).hexdigest()
        super().__init__(VideoInfo(ContentHash(digest), FrameSize(width, height), count, Fraction(frame_rate)))

    def frame(self, index: FrameIndex) -> RgbFrame:
        """One frame, uint8 [H, W, 3]. Raises PromptError past the end."""
        frame: RgbFrame = self._frames[self._info.require_frame(index)]
        return frame
