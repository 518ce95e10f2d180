"""The evaluation protocol, on segmenters with known metrics."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from backend.application.ports.engine import CancelToken, Propagation
from backend.application.ports.media import VideoSource
from backend.domain.geometry import BoolMask
from backend.domain.jobs import ModelInfo
from backend.domain.masklets import FrameEvidence, FrameMasks, MaskOrigin, ObjectFrame
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange
from backend.evaluation.protocol import Masks, evaluate
from backend.evaluation.synthetic.source import ClipSource
from tests.fakes.engine import FakePropagation

FRAMES = 6


@dataclass(frozen=True)
class SquaresClip:
    """Two equal squares that move right; the first is absent on frames 2 and 3."""

    video: ClipSource
    masks: Masks
    alike: tuple[tuple[int, int], ...] = ((0, 1),)


@pytest.fixture
def clip() -> SquaresClip:
    masks = np.zeros((FRAMES, 2, 32, 40), np.bool_)
    for t in range(FRAMES):
        masks[t, 0, 2:12, 2 + t : 12 + t] = t not in (2, 3)
        masks[t, 1, 18:28, 12 + t : 22 + t] = True
    frames = (masks.max(1)[..., None] * np.uint8(200)).repeat(3, 3).astype(np.uint8)
    return SquaresClip(ClipSource(frames), masks)


class Oracle:
    """Returns the truth of an object; shift: of the object `shift` places later."""

    def __init__(self, masks: Masks, *, shift: int = 0, blind: bool = False) -> None:
        self._masks, self._shift, self._blind = masks, shift, blind
        self.model = ModelInfo("oracle", "oracle", 32, "cpu", False)

    def _frame(self, prompts: PromptSet, t: int) -> FrameMasks:
        count = self._masks.shape[1]
        objects = []
        for object_id in prompts.object_ids:
            mask = self._masks[t, (int(object_id) + self._shift) % count]
            objects.append(self._object(object_id, mask if not self._blind else np.zeros_like(mask)))
        return FrameMasks(FrameIndex(t), tuple(objects))

    def _object(self, object_id: ObjectId, mask: BoolMask) -> ObjectFrame:
        presence = 5.0 if mask.any() else -5.0
        evidence = FrameEvidence((0.9,), presence, 1.0, 1.0, float(mask.mean()), None, None, 1)
        return ObjectFrame(object_id, mask, evidence, MaskOrigin.PROPAGATED)

    def segment(self, video: VideoSource, prompts: PromptSet, frame_index: FrameIndex) -> FrameMasks:
        return self._frame(prompts, frame_index)

    def propagate(
        self,
        video: VideoSource,
        prompts: PromptSet,
        *,
        direction: Direction,
        frame_range: FrameRange | None = None,
        cancel: CancelToken,
        resume: bytes | None = None,
    ) -> Propagation:
        count = video.info.frame_count
        return FakePropagation((self._frame(prompts, t) for t in range(count)), count)


def test_the_truth_scores_one_everywhere(clip: SquaresClip) -> None:
    report = evaluate(Oracle(clip.masks), [clip])
    assert (report.box_iou, report.click_iou, report.three_click_iou) == (1, 1, 1)
    assert (report.propagated_iou, report.after_occlusion_iou, report.presence_auroc) == (1, 1, 1)
    assert (report.prompt_gain, report.memory_gain) == (1, 1)
    assert report.clips == 1
    assert math.isnan(report.iou_spearman), "a constant prediction has no rank correlation"


def test_the_other_object_s_masks_have_a_negative_gain(clip: SquaresClip) -> None:
    report = evaluate(Oracle(clip.masks, shift=1), [clip])
    assert report.click_iou == 0
    assert report.prompt_gain == -1
    assert report.memory_gain == -1


def test_empty_masks_score_zero(clip: SquaresClip) -> None:
    report = evaluate(Oracle(clip.masks, blind=True), [clip])
    assert (report.box_iou, report.propagated_iou, report.after_occlusion_iou) == (0, 0, 0)
    assert report.presence_auroc == 0.5
    assert report.prompt_gain == 0


def test_the_json_has_all_keys_and_null_without_samples(clip: SquaresClip) -> None:
    body = evaluate(Oracle(clip.masks), [clip]).to_json()
    assert list(body) == [
        "box_iou",
        "click_iou",
        "three_click_iou",
        "propagated_iou",
        "after_occlusion_iou",
        "presence_auroc",
        "iou_spearman",
        "prompt_gain",
        "memory_gain",
        "clips",
    ]
    assert body["iou_spearman"] is None
    assert body["clips"] == 1


def test_no_clips_give_no_figures() -> None:
    body = evaluate(Oracle(np.zeros((1, 1, 4, 4), np.bool_)), []).to_json()
    assert body["clips"] == 0
    assert body["box_iou"] is None
