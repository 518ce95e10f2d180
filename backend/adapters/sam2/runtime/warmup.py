"""A film to warm up on: what a worker tracks before its first job, so that no click waits for a compiler.

Noise is tracked as any video is, with one object until its memory has settled and then with two: whatever a real
video will run has then been run, and what is compiled has been compiled for any number of objects and memories.
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
"""Frames until an object's memory stays as long as it is, and a few more."""
GROWING = 5
PASSES = ((1, SETTLED), (2, GROWING))
"""Objects, and frames they are tracked through."""


class NoiseVideo(FrameByFrame):
    """A VideoSource in which every frame is another noise, the same every time."""

    def __init__(self, frame_count: int) -> None:
        super().__init__(VideoInfo(ContentHash("noise"), SIZE, frame_count, Fraction(25)))

    def frame(self, index: FrameIndex) -> RgbFrame:
        self._info.require_frame(index)
        return np.random.default_rng(index).integers(0, 255, (SIZE.height, SIZE.width, 3), dtype=np.uint8)


def run_all_steps(segmenter: Segmenter) -> None:
    """Track noise with one object, then with two. Raises what tracking raises."""
    video = NoiseVideo(SETTLED)
    for number, (objects, frames) in enumerate(PASSES, start=1):
        started = time.perf_counter()
        logger.info("warming up, pass %d of %d: %d object(s), %d frames", number, len(PASSES), objects, frames)
        prompts = PromptSet.of([_boxed(place) for place in range(objects)], {})
        span = FrameRange(FrameIndex(0), FrameIndex(frames))
        for _ in segmenter.propagate(video, prompts, direction=Direction.FORWARD, span=span, cancel=NeverCancelled()):
            pass
        logger.info("pass %d of %d took %.1f s", number, len(PASSES), time.perf_counter() - started)


def _boxed(place: int) -> FramePrompt:
    left = 0.1 + 0.4 * place
    return FramePrompt(ObjectId(f"object {place}"), FrameIndex(0), box=Box(left, 0.2, left + 0.3, 0.8))
