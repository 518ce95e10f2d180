"""Automatic masks without a person, as in SAM 2's data engine: grids of points at three scales on a frame.

Each point is a prompt of its own. Uncertain, tiny and nearly frame-filling masks are dropped; small parts are removed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend.application.imports.object_search import STEPS_OF_ENCODING, SearchedObject, SearchRules, Steps
from backend.application.ports.engine import PointSegmenter
from backend.application.ports.frame_by_frame import FrameByFrame
from backend.application.ports.media import VideoSource
from backend.domain.errors import InvalidInput
from backend.domain.geometry import BoolMask, FrameSize, Point, RgbFrame
from backend.domain.masklets import ObjectFrame
from backend.domain.video import ContentHash, FrameIndex

Tidy = Callable[[BoolMask], BoolMask]
"""Removes small parts of a mask and fills small holes."""

SCALES = ((1, 1), (2, 2), (4, 8))
"""(parts a side, divisor of the grid's points a side): the frame, its quarters, its sixteenths."""

CROP_OVERLAP = 0.25
MOST_POINTS = 64


@dataclass(frozen=True, slots=True)
class AutoRules(SearchRules):
    """points: points per side of the grid on the whole frame; half of it on its quarters, an eighth on its sixteenths.

    least_score: predicted IoU times stability, below which a mask is dropped.
    """

    points: int = 8
    least_score: float = 0.7

    def side(self, divisor: int) -> int:
        """Points a side of the grid on one part of a frame."""
        return max(2, self.points // divisor)


def parse_auto(words: str) -> AutoRules:
    """The rules of `auto`, `auto:POINTS` or `auto:POINTS:MOST`. Raises InvalidInput."""
    _, *numbers = words.split(":")
    if len(numbers) > 2 or not all(n.isdecimal() and 0 < int(n) <= 255 for n in numbers):
        raise InvalidInput(f"--prompts {words!r} must be auto, auto:POINTS or auto:POINTS:MOST")
    points = int(numbers[0]) if numbers else AutoRules().points
    most = int(numbers[1]) if len(numbers) > 1 else AutoRules().most
    if points > MOST_POINTS:
        raise InvalidInput(f"--prompts {words!r}: at most {MOST_POINTS} points a side make sense")
    return AutoRules(points=points, most=most)


@dataclass(frozen=True, slots=True)
class GridCandidates:
    """The Candidates port: the masks of grids of points."""

    segmenter: PointSegmenter
    tidy: Tidy
    rules: AutoRules = AutoRules()
    name: str = "auto"

    @property
    def steps_per_frame(self) -> int:
        return sum(scale**2 * (STEPS_OF_ENCODING + self.rules.side(divisor) ** 2) for scale, divisor in SCALES)

    def on(self, video: VideoSource, frame: FrameIndex, steps: Steps) -> Iterator[SearchedObject]:
        """See the port."""
        for scale, divisor in SCALES:
            points = _grid(self.rules.side(divisor))
            for crop in _crops(video.info.size, scale):
                view = CroppedFrame(video, crop)
                for batch in self.segmenter.segment_points(view, points, frame):
                    yield from self._kept(batch, frame, crop, video.info.size)
                    steps.add(len(batch))
                steps.add(STEPS_OF_ENCODING)

    def _kept(
        self, batch: Sequence[ObjectFrame], frame: FrameIndex, crop: Crop, size: FrameSize
    ) -> Iterator[SearchedObject]:
        """The masks of a crop that follow the rules, in the frame's coordinates."""
        for shown in batch:
            score = _score(shown)
            if score < self.rules.least_score or (crop.is_part and _touches_edge(shown.mask, crop, size)):
                continue
            mask = np.zeros((size.height, size.width), np.bool_)
            mask[crop.top : crop.bottom, crop.left : crop.right] = self.tidy(shown.mask)
            yield SearchedObject("", int(frame), mask, round(score, 4))


@dataclass(frozen=True, slots=True)
class Crop:
    """Part of a frame, in pixels. is_part: whether it is less than the whole."""

    left: int
    top: int
    right: int
    bottom: int
    is_part: bool


class CroppedFrame(FrameByFrame):
    """A crop of a video's frames as a VideoSource."""

    def __init__(self, video: VideoSource, crop: Crop) -> None:
        place = f"{crop.left},{crop.top},{crop.right},{crop.bottom}"
        info = replace(
            video.info,
            size=FrameSize(crop.right - crop.left, crop.bottom - crop.top),
            content_hash=ContentHash(f"{video.info.content_hash}@{place}") if crop.is_part else video.info.content_hash,
        )
        super().__init__(info)
        self._video = video
        self._crop = crop

    @property
    def timestamps_s(self) -> Sequence[float]:
        return self._video.timestamps_s

    def frame(self, index: FrameIndex) -> RgbFrame:
        """[H, W, 3] uint8: the crop of one frame."""
        crop = self._crop
        return np.ascontiguousarray(self._video.frame(index)[crop.top : crop.bottom, crop.left : crop.right])


def _crops(size: FrameSize, scale: int) -> list[Crop]:
    """scale x scale parts that overlap a little, so that an object on a boundary is whole in one of them."""
    crops = []
    width, height = size.width / scale, size.height / scale
    for row in range(scale):
        for column in range(scale):
            spare_x, spare_y = (CROP_OVERLAP * width, CROP_OVERLAP * height) if scale > 1 else (0.0, 0.0)
            crops.append(
                Crop(
                    max(0, math.floor(column * width - spare_x)),
                    max(0, math.floor(row * height - spare_y)),
                    min(size.width, math.ceil((column + 1) * width + spare_x)),
                    min(size.height, math.ceil((row + 1) * height + spare_y)),
                    is_part=scale > 1,
                )
            )
    return crops


def _grid(side: int) -> list[Point]:
    """side x side points, row by row."""
    return [Point((column + 0.5) / side, (row + 0.5) / side) for row in range(side) for column in range(side)]


def _score(shown: ObjectFrame) -> float:
    evidence = shown.evidence
    if evidence.presence_logit <= 0 or not evidence.predicted_ious or not shown.mask.any():
        return 0.0
    return min(max(evidence.predicted_ious[0] * evidence.stability, 0.0), 1.0)


def _touches_edge(mask: BoolMask, crop: Crop, size: FrameSize) -> bool:
    """Whether a mask touches an edge of the crop that is not an edge of the frame."""
    return bool(
        (crop.left > 0 and mask[:, 0].any())
        or (crop.top > 0 and mask[0].any())
        or (crop.right < size.width and mask[:, -1].any())
        or (crop.bottom < size.height and mask[-1].any())
    )
