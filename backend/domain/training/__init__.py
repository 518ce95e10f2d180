"""Training of a checkpoint on a project's own labels: what is asked, how far it is, and what it gave."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TrainedPart(StrEnum):
    """The weights that a training changes. The image encoder is changed by ALL only."""

    DECODER = "decoder"
    MEMORY = "memory"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """The parameters of a training. base: the name of the checkpoint that it starts from, never "auto".

    minutes: of training itself; reading the labels and measuring come on top.
    """

    base: str
    minutes: float
    parts: TrainedPart
    seed: int = 0


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """phase: for people ("encoding 12 of 40 videos"). share: of the whole run, 0 to 1. figures: of the newest steps."""

    phase: str
    share: float
    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class HeldOutFigures:
    """One checkpoint on the held-out videos. All means are over objects.

    j_and_f: mean of J and F, propagated from the first labelled frame. clicks: clicks until a labelled frame's mask has
    an IoU of 0.85. calibration_error: expected calibration error of the uncertainty, nan without a calibrator.
    general_j: J on the general set, which tells forgetting.
    """

    j_and_f: float
    j: float
    clicks: float
    calibration_error: float
    general_j: float


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a finished training gave.

    gain, gain_low, gain_high: of j_and_f on held-out videos, with its 95 % interval over objects. better: beyond doubt,
    and nothing forgotten; reason: the sentence for people that says why or why not. videos, objects, frames: trained
    on; held_out_videos: measured on. curve: (minute, loss, held-out figure or nan), ascending.
    checkpoint: the folder name of the written checkpoint; empty if nothing is offered.
    """

    before: HeldOutFigures
    after: HeldOutFigures
    gain: float
    gain_low: float
    gain_high: float
    better: bool
    reason: str
    videos: int
    held_out_videos: int
    objects: int
    frames: int
    curve: tuple[tuple[float, float, float], ...]
    checkpoint: str = ""
