"""A checkpoint on held-out videos, through the engine of the product.

Every object gets a box on its first labelled frame, as from a person, and is propagated to its last one. J and F are
means over its labelled frames. Clicks are counted on its first and its last labelled frame.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.application.ports.engine import CancelToken, Segmenter
from backend.application.ports.media import VideoSource
from backend.domain.crowd.agreement_boundaries import boundary_f
from backend.domain.geometry import BoolMask, Point, box_of_mask, mask_iou
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.uncertainty.calibration import Calibrator
from backend.domain.uncertainty.features import ObjectEvidence
from backend.domain.video import Direction, FrameIndex, FrameRange
from backend.evaluation.calibration_metrics import calibration_error
from backend.evaluation.metrics import deepest_pixel, largest_error, mean
from backend.training.calibration.feature_rows import FeatureRows
from backend.training.calibration.tracking_runs import FrameError, Track
from backend.training.samples.videos import KeptVideo

MOST_CLICKS = 10
GOOD_IOU = 0.85
LONGEST_RANGE = 240
"""Frames of a held-out video that are propagated: its labelled frames after them are not measured."""


@dataclass(frozen=True, slots=True)
class ObjectFigures:
    """One object of a held-out video. group: of the video. clicks: nan if it is on no frame large enough."""

    group: str
    name: str
    j: float
    f: float
    clicks: float

    @property
    def j_and_f(self) -> float:
        return (self.j + self.f) / 2


@dataclass(frozen=True, slots=True)
class VideoFigures:
    """The objects of a held-out video, and their tracks; the IoU of a track's unlabelled frame is nan.

    last: the last measured frame, and masks: of the objects on it, bool [H, W].
    """

    objects: tuple[ObjectFigures, ...]
    tracks: tuple[Track, ...]
    last: int = 0
    masks: Mapping[str, BoolMask] = field(default_factory=dict)


def measure_video(engine: Segmenter, source: VideoSource, video: KeptVideo, cancel: CancelToken) -> VideoFigures:
    """Figures of every object that shows on a labelled frame. Raises Cancelled."""
    prompts = PromptSet.of(box_prompts(video), {})
    if not prompts:
        return VideoFigures((), ())
    starts = {str(prompt.object_id): int(prompt.frame_index) for prompt in prompts}
    first = min(starts.values())
    last = max(frame for frame in video.labels if frame < first + LONGEST_RANGE)
    whole = FrameRange(FrameIndex(first), FrameIndex(last + 1))
    run = engine.propagate(source, prompts, direction=Direction.FORWARD, frame_range=whole, cancel=cancel)
    scored: dict[str, list[tuple[float, float]]] = defaultdict(list)
    errors: dict[str, list[FrameError]] = defaultdict(list)
    masks: dict[str, BoolMask] = {}
    for frame in run:
        masks = {str(item.object_id): item.mask for item in frame.objects}
        for item in frame.objects:
            name = str(item.object_id)
            truth = video.mask(frame.frame_index, name)
            iou = math.nan
            if truth is not None:
                iou = mask_iou(item.mask, truth)
                scored[name].append((iou, boundary_f(item.mask, truth)))
            shows = truth is not None and bool(truth.any())
            errors[name].append(FrameError(frame.frame_index, ObjectEvidence(item.evidence, item.origin), iou, shows))
    objects = tuple(
        ObjectFigures(
            group=video.group,
            name=name,
            j=mean([j for j, _ in scored[name]]),
            f=mean([f for _, f in scored[name]]),
            clicks=_clicks_of(engine, source, video, name, cancel),
        )
        for name in starts
    )
    tracks = tuple(
        Track(video.key, "labelled", ObjectId(name), (starts[name],), tuple(frames)) for name, frames in errors.items()
    )
    return VideoFigures(objects, tracks, last, masks)


def measured_calibration(calibrator: Calibrator, table: FeatureRows) -> float:
    """The expected calibration error over rows."""
    return calibration_error(calibrator.uncertainties(table.rows), table.failed)


def clicks_to_good(engine: Segmenter, source: VideoSource, truth: BoolMask, frame: int, cancel: CancelToken) -> int:
    """Clicks until the mask of a frame has an IoU of GOOD_IOU; MOST_CLICKS if they do not reach it.

    The first click is at the object's deepest pixel, each further one in the largest error. truth: [H, W] bool.
    """
    prompt = _click(frame, deepest_pixel(truth), truth.shape, positive=True)
    for count in range(1, MOST_CLICKS + 1):
        cancel.raise_if_cancelled()
        answer = engine.segment(source, PromptSet.of([prompt], {}), FrameIndex(frame)).objects[0].mask
        if count == MOST_CLICKS or mask_iou(answer, truth) >= GOOD_IOU:
            return count
        pixel, positive = largest_error(answer, truth)
        prompt = prompt.merged_with(_click(frame, pixel, truth.shape, positive=positive))
    raise AssertionError("the last click returns")


def _clicks_of(engine: Segmenter, source: VideoSource, video: KeptVideo, name: str, cancel: CancelToken) -> float:
    shown = [frame for frame in sorted(video.labels) if (mask := video.mask(frame, name)) is not None and mask.any()]
    counts = []
    for frame in dict.fromkeys((shown[0], shown[-1])):
        truth = video.mask(frame, name)
        assert truth is not None
        counts.append(clicks_to_good(engine, source, truth, frame, cancel))
    return mean([float(count) for count in counts])


def box_prompts(video: KeptVideo) -> list[FramePrompt]:
    """A box of every object on the first labelled frame on which it shows, within LONGEST_RANGE of the first of all."""
    found: list[FramePrompt] = []
    for name in video.objects:
        for frame in sorted(video.labels):
            mask = video.mask(frame, name)
            if mask is not None and mask.any():
                found.append(FramePrompt(ObjectId(name), FrameIndex(frame), box=box_of_mask(mask)))
                break
    first = min((prompt.frame_index for prompt in found), default=0)
    return [prompt for prompt in found if prompt.frame_index < first + LONGEST_RANGE]


def _click(frame: int, pixel: tuple[int, int], shape: tuple[int, ...], *, positive: bool) -> FramePrompt:
    """pixel: (row, column); the click is at its centre."""
    point = Point((pixel[1] + 0.5) / shape[1], (pixel[0] + 0.5) / shape[0])
    return FramePrompt(ObjectId("object"), FrameIndex(frame), points=(PointPrompt(point, positive),))
