"""Tracking runs on labelled clips: the data for fitting and testing a calibrator.

Owns the protocol: the tracked objects, their prompts, and the failure criterion. A clip's prompts depend on its name
alone and are the same in every run.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backend.application.ports.engine import NeverCancelled, Segmenter
from backend.application.ports.media import VideoSource
from backend.domain.geometry import BoolMask, Point, box_of_mask, mask_iou
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.uncertainty.features import ObjectEvidence
from backend.domain.uncertainty.scoring import FAILED_BELOW
from backend.domain.video import Direction, FrameIndex
from backend.evaluation.metrics import deepest_pixel

SMALLEST_FIRST_REL = 0.004
"""Smallest share of the first frame that a tracked object covers."""

FIRST = FrameIndex(0)
_CORRECTIONS = (0, 0, 1, 2)
"""Numbers of later frames that the simulated annotator corrects; one is drawn per object."""


class LabelledClip(Protocol):
    """A video with true masks: bool [T, N, H, W], visible pixels only."""

    @property
    def name(self) -> str: ...

    @property
    def generator(self) -> str: ...

    @property
    def video(self) -> VideoSource: ...

    @property
    def masks(self) -> NDArray[np.bool_]: ...


@dataclass(frozen=True, slots=True)
class FrameError:
    """One frame of a track compared with the truth. is_present: whether the true mask is not empty."""

    frame_index: int
    observed: ObjectEvidence
    iou: float
    is_present: bool

    @property
    def failed(self) -> bool:
        return self.iou < FAILED_BELOW


@dataclass(frozen=True, slots=True)
class Track:
    """One tracked object of a clip; frames are in the order of tracking."""

    clip: str
    generator: str
    object_id: ObjectId
    prompted: tuple[int, ...]
    frames: tuple[FrameError, ...]


def tracked_objects(clip: LabelledClip) -> list[int]:
    """The numbers of the objects that cover at least SMALLEST_FIRST_REL of the first frame."""
    return [number for number, mask in enumerate(clip.masks[0]) if mask.mean() >= SMALLEST_FIRST_REL]


def track_clip(segmenter: Segmenter, clip: LabelledClip) -> list[Track]:
    """Prompts a clip's objects, propagates forward, and compares every frame with the truth; empty without objects."""
    rng = np.random.default_rng(zlib.crc32(clip.name.encode()))
    numbers = tracked_objects(clip)
    prompts = PromptSet.of([prompt for number in numbers for prompt in _prompts(rng, clip, number)], {})
    if not prompts:
        return []
    errors: dict[ObjectId, list[FrameError]] = {object_id: [] for object_id in prompts.object_ids}
    for frame in segmenter.propagate(clip.video, prompts, direction=Direction.FORWARD, cancel=NeverCancelled()):
        for item in frame.objects:
            truth = clip.masks[frame.frame_index, int(item.object_id)]
            error = FrameError(
                frame_index=frame.frame_index,
                observed=ObjectEvidence(item.evidence, item.origin),
                iou=mask_iou(item.mask, truth),
                is_present=bool(truth.any()),
            )
            errors[item.object_id].append(error)
    return [
        Track(clip.name, clip.generator, object_id, prompts.of_object(object_id).prompted_frames, tuple(frames))
        for object_id, frames in errors.items()
    ]


def mask_prompt(clip: LabelledClip, number: int, frame_index: int) -> FramePrompt:
    """The true mask as a prompt. The mask must not be empty on that frame."""
    return FramePrompt(ObjectId(str(number)), FrameIndex(frame_index), mask=clip.masks[frame_index, number])


def _prompts(rng: np.random.Generator, clip: LabelledClip, number: int) -> list[FramePrompt]:
    """A box, a click or a mask on the first frame, and up to two masks on later frames with a visible object."""
    truth = clip.masks[0, number]
    prompts = [_first_prompt(int(rng.integers(4)), clip, number, truth)]
    visible = np.flatnonzero(clip.masks[1:, number].any((1, 2))) + 1
    count = min(int(rng.choice(_CORRECTIONS)), len(visible))
    prompts += [mask_prompt(clip, number, int(t)) for t in rng.choice(visible, count, replace=False)]
    return prompts


def _first_prompt(draw: int, clip: LabelledClip, number: int, truth: BoolMask) -> FramePrompt:
    """draw: 0 and 1 give a box, 2 a click on the deepest pixel, 3 the mask."""
    object_id = ObjectId(str(number))
    if draw < 2:
        return FramePrompt(object_id, FIRST, box=box_of_mask(truth))
    if draw == 2:
        row, column = deepest_pixel(truth)
        point = Point((column + 0.5) / truth.shape[1], (row + 0.5) / truth.shape[0])
        return FramePrompt(object_id, FIRST, points=(PointPrompt(point),))
    return mask_prompt(clip, number, 0)
