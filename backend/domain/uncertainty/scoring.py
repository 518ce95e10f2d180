"""Uncertainty, computed from evidence.

Uncertainty is 0..1; high means that a person should check the mask. With a calibrator of the checkpoint it is the
probability that the mask's IoU with the truth is below 0.75; the IoU of two empty masks is 1, and that of a mask of an
absent object is 0. Without a calibrator it is a *rank*: the order of frames is meaningful, the value is not.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from backend.domain.masklets import FrameEvidence, FrameMasks, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.uncertainty.calibration import Calibrator
from backend.domain.uncertainty.features import FeatureHistory, ObjectEvidence

FAILED_BELOW = 0.75
"""A mask with a lower IoU with the truth is a failure."""

UNCALIBRATED = (MaskOrigin.HUMAN, MaskOrigin.AUTOMATIC)
"""Origins that the calibration has not seen."""


class Scorer:
    """The uncertainty of one propagation's frames, in the order of the passes.

    prompted: the prompted frames, by object. Holds numbers of a few frames per object.
    """

    def __init__(self, calibrator: Calibrator | None, prompted: Mapping[ObjectId, Collection[int]]) -> None:
        self._calibrator = calibrator
        self._histories = {object_id: FeatureHistory(frames) for object_id, frames in prompted.items()}

    @property
    def is_probability(self) -> bool:
        """Whether uncertainties are probabilities; otherwise they are ranks."""
        return self._calibrator is not None

    def score(self, masks: FrameMasks) -> tuple[float, ...]:
        """The uncertainty of each object of a frame, in order. Requires frames in the order of computation."""
        seen = {shown.object_id: ObjectEvidence(shown.evidence, shown.origin) for shown in masks.objects}
        return tuple(self.frame(masks.frame_index, seen).values())

    def frame(
        self, frame_index: int, seen: Mapping[ObjectId, ObjectEvidence], others: Sequence[FrameEvidence] = ()
    ) -> dict[ObjectId, float]:
        """`score` from evidence alone. others: evidence of objects on the frame that are not scored."""
        if self._calibrator is None:
            return {object_id: frame_uncertainty(own.evidence, own.origin) for object_id, own in seen.items()}
        return {
            object_id: frame_uncertainty(own.evidence, own.origin)
            if own.origin in UNCALIBRATED
            else _clamped(self._calibrator.uncertainty(row))
            for (object_id, own), row in zip(seen.items(), self._rows(frame_index, seen, others), strict=True)
        }

    def add_history(self, frame_index: int, seen: Mapping[ObjectId, ObjectEvidence]) -> None:
        """Add a frame that was scored before to the history; the scores of later frames depend on it."""
        if self._calibrator is not None:
            for _ in self._rows(frame_index, seen, ()):
                pass

    def _rows(
        self, frame_index: int, seen: Mapping[ObjectId, ObjectEvidence], others: Sequence[FrameEvidence]
    ) -> Iterator[tuple[float, ...]]:
        """The features of each object, in order."""
        for object_id, own in seen.items():
            rivals = [*(seen[rival].evidence for rival in seen if rival != object_id), *others]
            yield self._histories.setdefault(object_id, FeatureHistory(())).row(frame_index, own, rivals)


def presence_probability(presence_logit: float) -> float:
    """sigmoid(presence logit), safe for any finite logit."""
    if presence_logit >= 0:
        return 1.0 / (1.0 + math.exp(-presence_logit))
    odds = math.exp(presence_logit)
    return odds / (1.0 + odds)


def frame_uncertainty(evidence: FrameEvidence, origin: MaskOrigin) -> float:
    """The uncalibrated uncertainty of a mask, 0..1.

    A human frame is certain by definition. An automatic prompt's mask has 1 - its score. For another non-empty mask,
    u = q*g + (1 - q) with q the probability that the object is present and g the mean of 1 - predicted IoU and 1 - soft
    IoU. For an empty mask, u = q: a confident exit is certain, a doubtful one is not. The terms of g are the strongest
    single signals that need no extra pass (soft IoU: arXiv 2402.10665; predicted IoU: SAM 2).
    """
    if origin is MaskOrigin.HUMAN:
        return 0.0
    if origin is MaskOrigin.AUTOMATIC:
        return 1.0 - _clamped(evidence.predicted_ious[0]) if evidence.predicted_ious else 1.0
    present = presence_probability(evidence.presence_logit)
    if evidence.area_rel == 0.0:
        return present
    doubts = [1.0 - _clamped(evidence.soft_iou)]
    if evidence.predicted_ious:
        doubts.append(1.0 - _clamped(evidence.predicted_ious[0]))
    doubt = sum(doubts) / len(doubts)
    return _clamped(present * doubt + (1.0 - present))


def combined_uncertainty(uncertainties: Iterable[float]) -> float:
    """The largest uncertainty, over a frame's objects or a task's frames; 0.0 for none."""
    return max(uncertainties, default=0.0)


def label_studio_score(uncertainty: float) -> float:
    """Label Studio's `score` is confidence: 1 - uncertainty."""
    return 1.0 - _clamped(uncertainty)


def score_of_frames(seen: Iterable[tuple[int, float]]) -> float:
    """Label Studio's score of a task: the mean of 1 - uncertainty over its frames, each with its most uncertain object.

    With calibrated uncertainties it is the share of frames that are expected to need no correction. seen: frame and
    uncertainty of each mask. 1 for no mask.
    """
    worst: dict[int, float] = {}
    for frame_index, uncertainty in seen:
        known = 1.0 if math.isnan(uncertainty) else _clamped(uncertainty)
        worst[frame_index] = max(worst.get(frame_index, 0.0), known)
    return label_studio_score(sum(worst.values()) / len(worst)) if worst else 1.0


def fixed_width(value: float) -> str:
    """0..1 with four decimals, "0.0312" and never "3e-02": Label Studio's table sorts the fields of tasks as text."""
    return f"{_clamped(value):.4f}"


def _clamped(value: float) -> float:
    return min(max(value, 0.0), 1.0)
