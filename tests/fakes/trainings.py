"""Values of trainings for tests."""

from __future__ import annotations

import math

from backend.domain.training import HeldOutFigures, TrainingResult

ID, OTHER_ID = "t-" + "3f9a1c" + "0" * 34, "t-" + "7b" * 20


def result(*, better: bool = True, checkpoint: str = "p7-3f9a1c") -> TrainingResult:
    """A result with a figure that does not exist."""
    return TrainingResult(
        before=HeldOutFigures(0.61, 0.6, 4.5, math.nan, 0.7),
        after=HeldOutFigures(0.72, 0.71, 3.25, 0.05, 0.7),
        gain=0.11,
        gain_low=0.04 if better else -0.02,
        gain_high=0.18,
        better=better,
        reason="The gain is above 0 with 95 % confidence." if better else "The gain may be chance.",
        videos=8,
        held_out_videos=2,
        objects=12,
        frames=30,
        curve=((0.0, math.nan, 0.61), (1.0, 0.4, math.nan), (2.0, 0.25, 0.72)),
        checkpoint=checkpoint if better else "",
    )
