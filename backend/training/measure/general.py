"""J on generated clips that no training uses: what a checkpoint could do before it was trained on a project."""

from __future__ import annotations

from collections.abc import Iterable

from backend.application.ports.engine import CancelToken, Segmenter
from backend.domain.geometry import box_of_mask, mask_iou
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange
from backend.evaluation.metrics import mean
from backend.evaluation.protocol import FIRST, PROPAGATED_FRAMES, Clip

CLIPS, FEWER_CLIPS = 12, 4
SMALL_MODEL_PX = 512
"""Models with a larger image are measured on FEWER_CLIPS: they take seconds a frame on a CPU."""


def clips_for(image_size: int) -> int:
    return CLIPS if image_size <= SMALL_MODEL_PX else FEWER_CLIPS


def general_j(engine: Segmenter, clips: Iterable[Clip], cancel: CancelToken) -> float:
    """Mean J over objects and frames where they show, propagated from boxes on the first frame; its own is counted."""
    ious: list[float] = []
    for clip in clips:
        boxes = [
            FramePrompt(ObjectId(str(number)), FIRST, box=box_of_mask(mask))
            for number, mask in enumerate(clip.masks[0])
            if mask.any()
        ]
        frames = FrameRange(FIRST, FrameIndex(min(PROPAGATED_FRAMES, len(clip.masks) - 1) + 1))
        run = engine.propagate(
            clip.video, PromptSet.of(boxes, {}), direction=Direction.FORWARD, frame_range=frames, cancel=cancel
        )
        for frame in run:
            for item in frame.objects:
                truth = clip.masks[frame.frame_index, int(item.object_id)]
                if truth.any():
                    ious.append(mask_iou(item.mask, truth))
    return mean(ious)
