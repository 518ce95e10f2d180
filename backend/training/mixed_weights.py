"""Weights between the parent's and the trained ones, which forget less (Wortsman et al. 2022, WiSE-FT).

How much of the training is kept is chosen on drawn clips that are neither replayed nor part of the general set, so that
neither the decision nor its figures are biased by the choice.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from backend.application.ports.engine import CancelToken, Segmenter
from backend.training.calibration.refit import drawn_clips
from backend.training.measure.general import general_j

SHARES = (1.0, 0.85, 0.7, 0.5)
"""Of the trained weights. The first one that loses little is used, else the last one."""

MOST_LOST = 0.006
"""J on drawn clips: below what a training may cost on the general set."""

CLIPS = 10
_OFFSET = 7_000


def mixed(parent: Mapping[str, Tensor], trained: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """The parent's weights, moved to the trained ones by a share of 0..1. Integers are the trained ones'."""
    return {
        name: parent[name].to(value).lerp(value, share) if name in parent and value.is_floating_point() else value
        for name, value in trained.items()
    }


def drawn_j(engine: Segmenter, seed: int, cancel: CancelToken) -> float:
    """J on drawn clips that no training replays."""
    return general_j(engine, drawn_clips(seed + _OFFSET, CLIPS), cancel)
