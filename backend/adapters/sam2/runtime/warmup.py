"""The warm-up: tracks a video of noise before the first job, so that no click waits for a compiler.

Tracks one object until its memory bank is full, then two objects. That runs every step of a real video, and compiles
the steps for any count of objects and memories.
"""

from __future__ import annotations

import logging
import time
from fractions import Fraction

import numpy as np

from backend.application.ports.engine import NeverCancelled, Segmenter
from backend.application.ports.frame_by_frame import FrameByFrame
from backend.domain.geometry import Box, FrameSize, RgbFrame
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import ContentHash, Direction, FrameIndex, FrameRange, VideoInfo

logger = logging.getLogger(__name__)

SIZE = FrameSize(320, 180)
SETTLED = 20
"""Frames until an object's memory bank is full, and a few more."""
GROWING = 5
PASSES = ((1, SETTLED), (2, GROWING))
"""Counts of objects and of frames."""


class NoiseVideo(FrameByFrame):
    """A VideoSource with seeded noise, different in each frame: [H, W, 3] uint8 RGB."""

    def __init__(self, frame_count: int) -> None:
        super().__init__(VideoInfo(ContentHash("noise"), SIZE, frame_count, Fraction(25)))

    def frame(self, index: FrameIndex) -> RgbFrame:
        self._info.require_frame(index)
        return np.random.default_rng(index).integers(0, 255, (SIZE.height, SIZE.width, 3), dtype=np.uint8)


def run_all_steps(segmenter: Segmenter) -> None:
    """Tracks noise with one object, then with two. Raises what tracking raises."""
    video = NoiseVideo(SETTLED)
    for number, (objects, frames) in enumerate(PASSES, start=1):
        started = time.perf_counter()
        logger.info("warming up, pass %d of %d: %d object(s), %d frames", number, len(PASSES), objects, frames)
        prompts = PromptSet.of([_boxed(position) for position in range(objects)], {})
        frames_to_track = FrameRange(FrameIndex(0), FrameIndex(frames))
        for _ in segmenter.propagate(
            video, prompts, direction=Direction.FORWARD, frame_range=frames_to_track, cancel=NeverCancelled()
        ):
            pass
        logger.info("pass %d of %d took %.1f s", number, len(PASSES), time.perf_counter() - started)


def _boxed(position: int) -> FramePrompt:
    left = 0.1 + 0.4 * position
    return FramePrompt(ObjectId(f"object {position}"), FrameIndex(0), box=Box(left, 0.2, left + 0.3, 0.8))
