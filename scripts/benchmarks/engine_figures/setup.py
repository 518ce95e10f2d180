"""How a run of the figures is set up, and what a figure gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from backend.domain.geometry import FrameSize

VIDEO_SIZE = FrameSize(320, 180)
"""Of the frames that speed and memory are measured on."""

KEPT = Path(__file__).parents[3] / "build" / "bench"
"""Where clips that take long to make are kept between runs."""


@dataclass(frozen=True, slots=True)
class Setup:
    """quick: few frames and laps, to see that a figure works; its values mean little.

    models, ways: of the cuda figure, the published shapes and the ways of MASKLET_COMPILE; None: all of them.
    """

    device: torch.device
    threads: int = 1
    quick: bool = False
    models: tuple[str, ...] | None = None
    ways: tuple[str, ...] | None = None

    def of(self, whole: int, quick: int) -> int:
        """How many, in a whole run and in a quick one."""
        return quick if self.quick else whole


Figures = Iterator[tuple[str, float]]
"""Figures by name, as they come."""

Measure = Callable[[Setup], Figures]
