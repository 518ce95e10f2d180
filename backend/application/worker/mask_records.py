"""Masks of a frame, with uncertainty, encoded for storage."""

from __future__ import annotations

from backend.application.ports.masks import MaskCodec
from backend.application.ports.measuring.measures import frame_made
from backend.application.ports.media import VideoSource, is_undecodable
from backend.domain.masklets import FrameMasks, MaskletFrame, MaskOrigin, ObjectFrame
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.uncertainty.calibration import Calibrator
from backend.domain.uncertainty.scoring import Scorer
from backend.domain.video import FrameIndex


def scorer_of(calibrator: Calibrator | None, prompts: PromptSet) -> Scorer:
    """A scorer for one propagation of these prompts."""
    prompted = {object_id: prompts.of_object(object_id).prompted_frames for object_id in prompts.object_ids}
    return Scorer(calibrator, prompted)


def encoded(
    masks: FrameMasks, video: VideoSource, codec: MaskCodec, scorer: Scorer | None = None
) -> list[tuple[ObjectId, MaskletFrame]]:
    """The stored form of one frame's masks, with uncertainty. Without a scorer, uncertainty is a rank."""
    scorer = scorer or Scorer(None, {})
    frame_made()
    return [
        (shown.object_id, masklet_frame(shown, masks.frame_index, codec, uncertainty, video=video))
        for shown, uncertainty in zip(masks.objects, scorer.score(masks), strict=True)
    ]


def masklet_frame(
    shown: ObjectFrame, frame_index: FrameIndex, codec: MaskCodec, uncertainty: float, *, video: VideoSource
) -> MaskletFrame:
    """The stored form of one object's mask on one frame of the video.

    The model's mask on a frame that does not decode is uncertain: it was made from an earlier picture.
    """
    is_held = is_undecodable(video, frame_index)
    if is_held and shown.origin is not MaskOrigin.HUMAN:
        uncertainty = 1.0
    return MaskletFrame(frame_index, codec.encode(shown.mask), shown.evidence, shown.origin, uncertainty, is_held)
