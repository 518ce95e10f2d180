"""The settings of a run of the figures, and the type of a figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from backend.domain.geometry import FrameSize

VIDEO_SIZE = FrameSize(320, 180)
"""Frame size of the speed and memory figures."""

CLIP_CACHE_DIR = Path(__file__).parents[3] / "build" / "bench"
"""Folder of generated clips, kept between runs."""


@dataclass(frozen=True, slots=True)
class Setup:
    """quick: few frames and repeats, for a check of the code; the values mean little.

    models, ways: the published shapes and the ways of MASKLET_COMPILE in the cuda figure; None: all.
    """

    device: torch.device
    threads: int = 1
    quick: bool = False
    models: tuple[str, ...] | None = None
    ways: tuple[str, ...] | None = None

    def of(self, whole: int, quick: int) -> int:
        """The number for a whole run, or for a quick one."""
        return quick if self.quick else whole


Figures = Iterator[tuple[str, float]]
"""Figures by name, in the order of measurement."""

Measure = Callable[[Setup], Figures]
