"""Evidence to uncertainty.

Uncertainty is 0..1 and high means "a person should look here". Until a checkpoint has a calibrator, it is a
*rank*, not a probability: the order of frames is meaningful, the value is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from backend.domain.masklets import FrameEvidence, MaskOrigin


def presence_probability(presence_logit: float) -> float:
    """sigmoid(presence logit), safe for any finite logit."""
    if presence_logit >= 0:
        return 1.0 / (1.0 + math.exp(-presence_logit))
    odds = math.exp(presence_logit)
    return odds / (1.0 + odds)


def frame_uncertainty(evidence: FrameEvidence, origin: MaskOrigin) -> float:
    """How much a person should look at this mask, 0..1.

    A human's frame is certain by definition. Where a mask was emitted, u = q*g + (1 - q) with q the probability
    that the object is there and g the mean of 1 - predicted IoU and 1 - soft IoU; where none was, u = q: a
    confident exit is certain, a doubtful one is not. The two terms of g are the strongest single signals that need
    no extra pass (soft IoU: arXiv 2402.10665; predicted IoU: SAM 2).
    """
    if origin is MaskOrigin.HUMAN:
        return 0.0
    present = presence_probability(evidence.presence_logit)
    if evidence.area_rel == 0.0:
        return present
    doubts = [1.0 - _clamped(evidence.soft_iou)]
    if evidence.predicted_ious:
        doubts.append(1.0 - _clamped(evidence.predicted_ious[0]))
    doubt = sum(doubts) / len(doubts)
    return _clamped(present * doubt + (1.0 - present))


def combined_uncertainty(uncertainties: Iterable[float]) -> float:
    """Of a frame over its objects, or of a task over its frames: the largest; 0.0 for none."""
    return max(uncertainties, default=0.0)


def label_studio_score(uncertainty: float) -> float:
    """Label Studio's `score` is confidence: 1 - uncertainty."""
    return 1.0 - _clamped(uncertainty)


def _clamped(value: float) -> float:
    return min(max(value, 0.0), 1.0)
