"""SAM 2's own video predictor with the tests' random weights, and the small video of the comparison."""

from __future__ import annotations

import torch

from scripts.benchmarks.engine_figures import panning
from scripts.benchmarks.engine_figures.cases import SIZE
from scripts.benchmarks.engine_figures.upstream import Logits, UpstreamSession
from tests.fakes.models import random_predictor

__all__ = ["SIZE", "Logits", "Oracle", "PanningVideo"]


class PanningVideo(panning.PanningVideo):
    """The benchmark's panning video, at the tests' size."""

    def __init__(self, frame_count: int) -> None:
        super().__init__(frame_count, SIZE)


class Oracle(UpstreamSession):
    """One session of the upstream predictor on the weights of `random_engine`."""

    def __init__(self, video: PanningVideo) -> None:
        super().__init__(random_predictor(), video, precision=torch.float32)
