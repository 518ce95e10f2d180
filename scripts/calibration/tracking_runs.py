"""Tracking clips whose truth is known, to learn from or to test what uncertainty says about them.

Owns the protocol: which objects are tracked, how they are prompted, what counts as failed. A clip's prompts depend on
its name alone, so that every run asks the same.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backend.application.ports.engine import NeverCancelled, Segmenter
from backend.application.ports.media import VideoSource
from backend.domain.features import ObjectEvidence
from backend.domain.geometry import BoolMask, Point, box_of_mask, mask_iou
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.scoring import FAILED_BELOW
from backend.domain.video import Direction, FrameIndex
from backend.evaluation.metrics import deepest_pixel

SMALLEST_FIRST_REL = 0.004
"""Share of the frame that an object must show at first: nobody starts with a sliver."""

FIRST = FrameIndex(0)
_CORRECTIONS = (0, 0, 1, 2)
"""How many later frames the simulated annotator corrects, drawn per object."""


class TruthClip(Protocol):
    """A video with truth: masks bool [T, N, H, W], visible pixels only."""

    @property
    def name(self) -> str: ...

    @property
    def generator(self) -> str: ...

    @property
    def video(self) -> VideoSource: ...

    @property
    def masks(self) -> NDArray[np.bool_]: ...


@dataclass(frozen=True, slots=True)
class Judgement:
    """One frame of a track held against the truth. is_present: whether the truth shows the object there."""

    frame_index: int
    seen: ObjectEvidence
    iou: float
    is_present: bool

    @property
    def failed(self) -> bool:
        return self.iou < FAILED_BELOW


@dataclass(frozen=True, slots=True)
class Track:
    """One tracked object of a clip, its frames in the order they were made."""

    clip: str
    generator: str
    object_id: ObjectId
    prompted: tuple[int, ...]
    frames: tuple[Judgement, ...]


def tracked_objects(clip: TruthClip) -> list[int]:
    """The numbers of the objects that show well enough on the first frame."""
    return [number for number, mask in enumerate(clip.masks[0]) if mask.mean() >= SMALLEST_FIRST_REL]


def run_trial(segmenter: Segmenter, clip: TruthClip) -> list[Track]:
    """Prompt a clip's objects, carry them forward, and judge every frame; nothing for a clip without objects."""
    rng = np.random.default_rng(zlib.crc32(clip.name.encode()))
    numbers = tracked_objects(clip)
    prompts = PromptSet.of([prompt for number in numbers for prompt in _prompts(rng, clip, number)], {})
    if not prompts:
        return []
    found: dict[ObjectId, list[Judgement]] = {object_id: [] for object_id in prompts.object_ids}
    for frame in segmenter.propagate(clip.video, prompts, direction=Direction.FORWARD, cancel=NeverCancelled()):
        for shown in frame.objects:
            truth = clip.masks[frame.frame_index, int(shown.object_id)]
            judgement = Judgement(
                frame_index=frame.frame_index,
                seen=ObjectEvidence(shown.evidence, shown.origin),
                iou=mask_iou(shown.mask, truth),
                is_present=bool(truth.any()),
            )
            found[shown.object_id].append(judgement)
    return [
        Track(clip.name, clip.generator, object_id, prompts.of_object(object_id).prompted_frames, tuple(frames))
        for object_id, frames in found.items()
    ]


def mask_prompt(clip: TruthClip, number: int, frame_index: int) -> FramePrompt:
    """What a careful annotator draws: the truth. It must not be empty there."""
    return FramePrompt(ObjectId(str(number)), FrameIndex(frame_index), mask=clip.masks[frame_index, number])


def _prompts(rng: np.random.Generator, clip: TruthClip, number: int) -> list[FramePrompt]:
    """A box, a click or a mask on the first frame; then up to two masks on later frames that show the object."""
    truth = clip.masks[0, number]
    prompts = [_first_prompt(int(rng.integers(4)), clip, number, truth)]
    shown = np.flatnonzero(clip.masks[1:, number].any((1, 2))) + 1
    count = min(int(rng.choice(_CORRECTIONS)), len(shown))
    prompts += [mask_prompt(clip, number, int(t)) for t in rng.choice(shown, count, replace=False)]
    return prompts


def _first_prompt(draw: int, clip: TruthClip, number: int, truth: BoolMask) -> FramePrompt:
    """draw: 0 and 1 a box, 2 a click on the deepest pixel, 3 the mask itself."""
    object_id = ObjectId(str(number))
    if draw < 2:
        return FramePrompt(object_id, FIRST, box=box_of_mask(truth))
    if draw == 2:
        row, column = deepest_pixel(truth)
        point = Point((column + 0.5) / truth.shape[1], (row + 0.5) / truth.shape[0])
        return FramePrompt(object_id, FIRST, points=(PointPrompt(point),))
    return mask_prompt(clip, number, 0)
