"""Automatic masks without a person, as in SAM 2's data engine: grids of points at three scales on a frame.

Each point is a prompt of its own. Uncertain, tiny and nearly frame-filling masks are dropped, small parts are removed,
and of equal masks the one with the best score is kept. Later frames are searched for objects that no known mask covers.
Every object has a score, because a person has to review it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend.application.ports.engine import CancelToken, PointSegmenter
from backend.application.ports.frame_by_frame import FrameByFrame
from backend.application.ports.media import VideoSource
from backend.domain.geometry import BoolMask, FrameSize, Point, RgbFrame, mask_iou
from backend.domain.masklets import ObjectFrame
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import ContentHash, Direction, FrameIndex, FrameRange

Tidy = Callable[[BoolMask], BoolMask]
"""Removes small parts of a mask and fills small holes."""

OnStep = Callable[[int, int], None]
"""Gets the steps that are done and all steps of a video. A step takes about as long as decoding one point."""

SCALES = ((1, 1), (2, 2), (4, 8))
"""(parts a side, divisor of the grid's points a side): the frame, its quarters, its sixteenths."""
STEPS_OF_ENCODING = 20
"""Encoding a picture takes about as long as decoding so many points."""
CROP_OVERLAP = 0.25
COMPARED_SIDE_PX = 160


@dataclass(frozen=True, slots=True)
class AutoRules:
    """points: points per side of the grid on the whole frame; half of it on its quarters, an eighth on its sixteenths.

    least_score: predicted IoU times stability, below which a mask is dropped. same: the IoU from which two masks are
    one object. new: the share of a later mask that nothing known covers, from which it is a new object.
    """

    points: int = 8
    most: int = 10
    least_score: float = 0.7
    least_area: float = 0.001
    most_area: float = 0.6
    same: float = 0.6
    new: float = 0.7
    later_looks: int = 2

    def searched(self, frame_count: int) -> list[FrameIndex]:
        """The frames that are searched for objects, ascending, 0 first."""
        looks = self.later_looks
        later = (FrameIndex(frame_count * k // (looks + 1)) for k in range(1, looks + 1))
        return [FrameIndex(0), *(frame for frame in later if frame > 0)]

    def side(self, divisor: int) -> int:
        """Points a side of the grid on one part of a frame."""
        return max(2, self.points // divisor)

    def steps(self, frame_count: int) -> int:
        """The most steps that a video of this length takes."""
        frames = self.searched(frame_count)
        per_frame = sum(scale**2 * (STEPS_OF_ENCODING + self.side(divisor) ** 2) for scale, divisor in SCALES)
        propagated = sum(frame + 1 for frame in frames[1:])
        return per_frame * len(frames) + STEPS_OF_ENCODING * propagated


@dataclass(slots=True)
class _Steps:
    """Counts the steps of one video."""

    total: int
    report: OnStep
    done: int = 0

    def add(self, count: int) -> None:
        self.done += count
        self.report(self.done, self.total)


@dataclass(frozen=True, slots=True, eq=False)
class AutoObject:
    """One object on the first frame where it was found. mask: [H, W] bool."""

    key: str
    frame: int
    mask: BoolMask
    score: float
    label: str = ""
    box: None = None


@dataclass(frozen=True, slots=True)
class AutoMasklets:
    """Finds objects in videos with one segmenter."""

    segmenter: PointSegmenter
    tidy: Tidy
    cancel: CancelToken
    rules: AutoRules = AutoRules()

    def find(self, video: VideoSource, on_step: OnStep = lambda done, total: None) -> tuple[AutoObject, ...]:
        """The objects of a video, those of frame 0 first, best score first."""
        first, *later = self.rules.searched(video.info.frame_count)
        steps = _Steps(self.rules.steps(video.info.frame_count), on_step)
        steps.add(0)
        found = self._on_frame(video, first, (), steps)
        for frame in later:
            if len(found) >= self.rules.most:
                break
            known = self._known_at(video, found, frame, steps) if found else ()
            found += self._on_frame(video, frame, known, steps)
        steps.add(steps.total - steps.done)
        kept = found[: self.rules.most]
        return tuple(replace(entry, key=f"auto {number}") for number, entry in enumerate(kept, 1))

    def _on_frame(
        self, video: VideoSource, frame: FrameIndex, known: Sequence[BoolMask], steps: _Steps
    ) -> tuple[AutoObject, ...]:
        candidates: list[AutoObject] = []
        for scale, divisor in SCALES:
            points = _grid(self.rules.side(divisor))
            for crop in _crops(video.info.size, scale):
                view = CroppedFrame(video, crop)
                for batch in self.segmenter.segment_points(view, points, frame):
                    candidates.extend(self._kept(batch, frame, crop, video.info.size))
                    steps.add(len(batch))
                steps.add(STEPS_OF_ENCODING)
        fresh = [c for c in candidates if _uncovered(c.mask, known) >= self.rules.new]
        return tuple(_distinct(fresh, self.rules.same))

    def _kept(
        self, batch: Sequence[ObjectFrame], frame: FrameIndex, crop: Crop, size: FrameSize
    ) -> Iterator[AutoObject]:
        """The masks of a crop that follow the rules, in the frame's coordinates."""
        for shown in batch:
            score = _score(shown)
            if score < self.rules.least_score or (crop.is_part and _touches_edge(shown.mask, crop, size)):
                continue
            mask = np.zeros((size.height, size.width), np.bool_)
            mask[crop.top : crop.bottom, crop.left : crop.right] = self.tidy(shown.mask)
            if self.rules.least_area <= float(mask.mean()) <= self.rules.most_area:
                yield AutoObject("", int(frame), mask, round(score, 4))

    def _known_at(
        self, video: VideoSource, found: Sequence[AutoObject], frame: FrameIndex, steps: _Steps
    ) -> tuple[BoolMask, ...]:
        """The masks on a frame of the objects found before it."""
        prompts = PromptSet.of(
            [FramePrompt(ObjectId(str(n)), FrameIndex(o.frame), mask=o.mask) for n, o in enumerate(found)], {}
        )
        frames = FrameRange(FrameIndex(0), FrameIndex(frame + 1))
        masks: tuple[BoolMask, ...] = ()
        for shown in self.segmenter.propagate(
            video, prompts, direction=Direction.FORWARD, frame_range=frames, cancel=self.cancel
        ):
            masks = tuple(entry.mask for entry in shown.objects)
            steps.add(STEPS_OF_ENCODING)
        return masks


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


def _distinct(candidates: Iterable[AutoObject], same: float) -> list[AutoObject]:
    """The candidates without duplicates, best score first."""
    kept: list[tuple[AutoObject, BoolMask]] = []
    for candidate in sorted(candidates, key=lambda c: -c.score):
        small = _shrunk(candidate.mask)
        if all(mask_iou(small, other) < same for _, other in kept):
            kept.append((candidate, small))
    return [candidate for candidate, _ in kept]


def _uncovered(mask: BoolMask, known: Sequence[BoolMask]) -> float:
    """The share of a mask that no known mask covers."""
    if not known:
        return 1.0
    covered = np.logical_or.reduce(list(known))
    return float(np.count_nonzero(mask & ~covered)) / max(int(np.count_nonzero(mask)), 1)


def _shrunk(mask: BoolMask) -> BoolMask:
    """Every n-th pixel: enough to tell whether two masks are the same."""
    step = max(1, max(mask.shape) // COMPARED_SIDE_PX)
    return mask[::step, ::step]
