"""The protocol of `masklet eval`: prompts are simulated on clips with ground truth, and masks are compared with it.

Owns the prompts, the frames that count, and how each metric is averaged. The caller supplies the clips: the held-out
synthetic clips or any other set with ground truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backend.application.ports.engine import NeverCancelled, Segmenter
from backend.application.ports.media import VideoSource
from backend.domain.geometry import BoolMask, Point, box_of_mask, mask_iou
from backend.domain.masklets import ObjectFrame
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange
from backend.evaluation.metrics import auroc, deepest_pixel, largest_error, mean, spearman

Masks = NDArray[np.bool_]

PROPAGATED_FRAMES = 24
CORRECTIVE_CLICKS = 3
FIRST = FrameIndex(0)


class Clip(Protocol):
    """A video with ground truth.

    masks: bool [T, N, H, W], visible pixels only. alike: pairs of objects of similar appearance.
    """

    @property
    def video(self) -> VideoSource: ...

    @property
    def masks(self) -> Masks: ...

    @property
    def alike(self) -> tuple[tuple[int, int], ...]: ...


@dataclass(frozen=True, slots=True)
class Report:
    """The metrics of an evaluation. A mean is over the objects (and frames) of all clips, nan without samples.

    box_iou, click_iou, three_click_iou: on the first frame, from a tight box, from one click at the object's
        deepest pixel, and after three more clicks in the largest error region.
    propagated_iou: from a box on frame 0, frames 1 to 24 where the object is visible.
    after_occlusion_iou: the same, on the frames after the object was fully hidden.
    presence_auroc: presence logit against visibility of the object, all propagated frames.
    iou_spearman: predicted against true IoU on propagated frames where the object is visible.
    prompt_gain: on objects of similar appearance, IoU of the object's own click with its truth minus IoU of the other
        object's click with that truth.
    memory_gain: the same for propagated masks.
    """

    box_iou: float
    click_iou: float
    three_click_iou: float
    propagated_iou: float
    after_occlusion_iou: float
    presence_auroc: float
    iou_spearman: float
    prompt_gain: float
    memory_gain: float
    clips: int

    def to_json(self) -> dict[str, float | int | None]:
        """The metrics, rounded to four places; None without samples."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: _rounded(value) for name, value in values.items()}


def _rounded(value: float | int) -> float | int | None:
    if isinstance(value, int):
        return value
    return None if np.isnan(value) else round(value, 4)


@dataclass(slots=True)
class _Samples:
    """The samples of each metric."""

    box: list[float] = field(default_factory=list)
    click: list[float] = field(default_factory=list)
    three_click: list[float] = field(default_factory=list)
    propagated: list[float] = field(default_factory=list)
    after_occlusion: list[float] = field(default_factory=list)
    presence_logit: list[float] = field(default_factory=list)
    presence_truth: list[bool] = field(default_factory=list)
    predicted_iou: list[float] = field(default_factory=list)
    true_iou: list[float] = field(default_factory=list)
    prompt_gain: list[float] = field(default_factory=list)
    memory_gain: list[float] = field(default_factory=list)


def evaluate(segmenter: Segmenter, clips: Iterable[Clip]) -> Report:
    """Run the protocol over the clips, one after the other."""
    samples = _Samples()
    count = 0
    for clip in clips:
        count += 1
        _measure_prompts(segmenter, clip, samples)
        _measure_propagation(segmenter, clip, samples)
    return Report(
        box_iou=mean(samples.box),
        click_iou=mean(samples.click),
        three_click_iou=mean(samples.three_click),
        propagated_iou=mean(samples.propagated),
        after_occlusion_iou=mean(samples.after_occlusion),
        presence_auroc=auroc(samples.presence_logit, samples.presence_truth),
        iou_spearman=spearman(samples.predicted_iou, samples.true_iou),
        prompt_gain=mean(samples.prompt_gain),
        memory_gain=mean(samples.memory_gain),
        clips=count,
    )


def _measure_prompts(segmenter: Segmenter, clip: Clip, samples: _Samples) -> None:
    truths = clip.masks[0]
    clicked: dict[int, BoolMask] = {}
    for number in _visible_on_first_frame(clip):
        truth = truths[number]
        samples.box.append(mask_iou(_answer(segmenter, clip, _box(number, truth)), truth))
        prompt = _click(number, deepest_pixel(truth), truth.shape, positive=True)
        clicked[number] = mask = _answer(segmenter, clip, prompt)
        samples.click.append(mask_iou(mask, truth))
        for _ in range(CORRECTIVE_CLICKS):
            pixel, positive = largest_error(mask, truth)
            prompt = prompt.merged_with(_click(number, pixel, truth.shape, positive=positive))
            mask = _answer(segmenter, clip, prompt)
        samples.three_click.append(mask_iou(mask, truth))
    for one, other in _both_orders(clip.alike):
        if one in clicked and other in clicked:
            truth = truths[one]
            samples.prompt_gain.append(mask_iou(clicked[one], truth) - mask_iou(clicked[other], truth))


def _measure_propagation(segmenter: Segmenter, clip: Clip, samples: _Samples) -> None:
    visible = _visible_on_first_frame(clip)
    prompts = PromptSet.of([_box(number, clip.masks[0, number]) for number in visible], {})
    whole = FrameRange(FIRST, FrameIndex(len(clip.masks)))
    run = segmenter.propagate(
        clip.video, prompts, direction=Direction.FORWARD, frame_range=whole, cancel=NeverCancelled()
    )
    occluded: set[int] = set()
    for frame in run:
        if frame.frame_index == FIRST:
            continue
        truths = clip.masks[frame.frame_index]
        answers = {int(item.object_id): item for item in frame.objects}
        for number, answer in answers.items():
            _measure_frame(number, answer, truths[number], frame.frame_index, occluded, samples)
        if frame.frame_index <= PROPAGATED_FRAMES:
            _measure_memory_gain(clip, answers, truths, samples)


def _measure_frame(
    number: int, answer: ObjectFrame, truth: BoolMask, t: int, occluded: set[int], samples: _Samples
) -> None:
    present = bool(truth.any())
    samples.presence_logit.append(answer.evidence.presence_logit)
    samples.presence_truth.append(present)
    if not present:
        occluded.add(number)
        return
    iou = mask_iou(answer.mask, truth)
    samples.predicted_iou.append(answer.evidence.predicted_ious[0])
    samples.true_iou.append(iou)
    if t <= PROPAGATED_FRAMES:
        samples.propagated.append(iou)
    if number in occluded:
        samples.after_occlusion.append(iou)


def _measure_memory_gain(clip: Clip, answers: Mapping[int, ObjectFrame], truths: Masks, samples: _Samples) -> None:
    for one, other in _both_orders(clip.alike):
        if one in answers and other in answers and truths[one].any():
            own = mask_iou(answers[one].mask, truths[one])
            samples.memory_gain.append(own - mask_iou(answers[other].mask, truths[one]))


def _visible_on_first_frame(clip: Clip) -> list[int]:
    return [number for number, mask in enumerate(clip.masks[0]) if mask.any()]


def _both_orders(pairs: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    return [pair for one, other in pairs for pair in ((one, other), (other, one))]


def _box(number: int, truth: BoolMask) -> FramePrompt:
    return FramePrompt(ObjectId(str(number)), FIRST, box=box_of_mask(truth))


def _click(number: int, pixel: tuple[int, int], shape: tuple[int, ...], *, positive: bool) -> FramePrompt:
    """pixel: (row, column); the click is at its centre."""
    point = Point((pixel[1] + 0.5) / shape[1], (pixel[0] + 0.5) / shape[0])
    return FramePrompt(ObjectId(str(number)), FIRST, points=(PointPrompt(point, positive),))


def _answer(segmenter: Segmenter, clip: Clip, prompt: FramePrompt) -> BoolMask:
    frame = segmenter.segment(clip.video, PromptSet.of([prompt], {}), FIRST)
    return frame.objects[0].mask
