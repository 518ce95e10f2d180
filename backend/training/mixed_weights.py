"""Weights between the parent's and the trained ones, which forget less (Wortsman et al. 2022, WiSE-FT).

How much of the training is kept is chosen on clips that are neither replayed nor part of the general set, so that
neither the decision nor its figures are biased by the choice. They are of both generators: replayed clips keep what the
model can do on their own kind, which tells little of other kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from backend.application.ports.engine import CancelToken, Segmenter
from backend.evaluation.synthetic.evaluation import held_out_clips
from backend.training.calibration.refit import drawn_clips
from backend.training.measure.general import general_j

SHARES = (1.0, 0.85, 0.7, 0.5, 0.35, 0.25)
"""Of the trained weights. The first one that loses little is used, else the last one."""

MOST_LOST = 0.005
"""J on the clips of a kind: below what a training may cost on the general set."""

CLIPS = 8
"""Of each kind."""

_OFFSET = 7_000
_FIRST_GENERAL = 10_000
"""Far behind the clips of the general set and of benchmarks."""


def mixed(parent: Mapping[str, Tensor], trained: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """The parent's weights, moved to the trained ones by a share of 0..1. Integers are the trained ones'."""
    return {
        name: parent[name].to(value).lerp(value, share) if name in parent and value.is_floating_point() else value
        for name, value in trained.items()
    }


@dataclass(frozen=True, slots=True)
class KeptJ:
    """J on clips of each kind. general: of the general set's generator. drawn: of the replayed clips' generator."""

    general: float
    drawn: float

    def lost(self, after: KeptJ) -> float:
        """The larger loss of both kinds."""
        return max(self.general - after.general, self.drawn - after.drawn)


class KeptClips:
    """Clips of each kind that no training replays, rendered once for all weights that are compared."""

    def __init__(self, seed: int) -> None:
        self._general = tuple(held_out_clips(CLIPS, first=_FIRST_GENERAL))
        self._drawn = tuple(drawn_clips(seed + _OFFSET, CLIPS))

    def j(self, engine: Segmenter, cancel: CancelToken) -> KeptJ:
        """Raises Cancelled."""
        return KeptJ(general_j(engine, self._general, cancel), general_j(engine, self._drawn, cancel))
