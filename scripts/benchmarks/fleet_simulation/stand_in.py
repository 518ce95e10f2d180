"""A stand-in for the engine and its media: it waits for the time of a frame and draws two discs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from fractions import Fraction
from hashlib import sha256

import numpy as np

from backend.application.ports.engine import CancelToken
from backend.application.ports.frame_by_frame import FrameByFrame
from backend.application.ports.media import VideoSource
from backend.domain.geometry import BoolMask, FrameSize, Point, RgbFrame, box_of_mask
from backend.domain.jobs import ModelInfo
from backend.domain.masklets import FrameEvidence, FrameMasks, MaskOrigin, ObjectFrame
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import ContentHash, FrameIndex, VideoInfo
from tests.fakes.engine import FakeSegmenter

SIZE = FrameSize(960, 540)
OBJECTS = (ObjectId("cat"), ObjectId("dog"))
RADIUS = 90


def media_of(number: int, frame_count: int) -> MediaRef:
    """The address of a video of so many frames."""
    return MediaRef((f"/data/{number}-{frame_count}.mp4",), is_pages=False)


def prompts() -> PromptSet:
    """A click on each object, on frame 0."""
    clicks = [FramePrompt(each, FrameIndex(0), (PointPrompt(Point(0.5, 0.5)),)) for each in OBJECTS]
    return PromptSet.of(clicks, {each: each.title() for each in OBJECTS})


class StandInVideo(FrameByFrame):
    """Black frames."""

    def frame(self, index: FrameIndex) -> RgbFrame:
        self._info.require_frame(index)
        return np.zeros((SIZE.height, SIZE.width, 3), np.uint8)


class Fetched:
    """A MediaFetch of what is there."""

    is_done = True

    def wait(self, timeout_s: float) -> bool:
        return True

    def raise_error(self) -> None:
        """There is no error."""

    def cancel(self) -> None:
        """It is over."""


class StandInMedia:
    """A TaskMediaLibrary and TaskMediaFetcher whose videos are all there; an address names the frame count."""

    def open(
        self, media: MediaRef, *, task: TaskKey | None, frames: Collection[FrameIndex] | None = None
    ) -> VideoSource:
        (address,) = media.addresses
        count = int(address.removesuffix(".mp4").rpartition("-")[2])
        content = ContentHash(sha256(address.encode()).hexdigest())
        return StandInVideo(VideoInfo(content, SIZE, count, Fraction(25)))

    def fetch(self, media: MediaRef, *, task: TaskKey | None, frames: Collection[FrameIndex] | None = None) -> Fetched:
        return Fetched()


class StandInEngine(FakeSegmenter):
    """A Segmenter that needs frame_s for a frame and no processor. made: called after each frame."""

    def __init__(self, frame_s: float, made: Callable[[], None]) -> None:
        super().__init__(on_frame=lambda _: time.sleep(frame_s))
        self._made = made

    @property
    def model(self) -> ModelInfo:
        return ModelInfo("stand-in", "masklet-stand-in-00000000", 16, "cpu", is_demo=False)

    def _frames(self, indices: range, prompts: PromptSet, cancel: CancelToken) -> Iterator[FrameMasks]:
        for masks in super()._frames(indices, prompts, cancel):
            yield masks
            self._made()

    def _masks(self, prompts: PromptSet, index: FrameIndex) -> FrameMasks:
        return FrameMasks(index, tuple(_drawn(each, index) for each in prompts.object_ids))


def _drawn(object_id: ObjectId, index: int) -> ObjectFrame:
    mask = disc(index, OBJECTS.index(object_id))
    evidence = FrameEvidence((0.9, 0.5, 0.1), 5.0, 1.0, 0.9, float(mask.mean()), None, box_of_mask(mask), 1)
    return ObjectFrame(object_id, mask, evidence, MaskOrigin.PROPAGATED if index else MaskOrigin.PROMPTED)


def disc(index: int, row: int) -> BoolMask:
    """[H, W]: a disc that moves to the right."""
    y, x = np.ogrid[: SIZE.height, : SIZE.width]
    center_x = RADIUS + 7 * index % (SIZE.width - 2 * RADIUS)
    inside: BoolMask = (x - center_x) ** 2 + (y - 150 - 200 * row) ** 2 <= RADIUS**2
    return inside
