"""The tokens of one memory: one a pixel of the coarse feature map, or fewer where the model compresses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

Perceiver = Callable[[Tensor, Tensor], Tensor]
"""Memories [B, M, h, w] and their positions [1, M, h, w] to tokens [B, N, M]."""


@dataclass(frozen=True, slots=True)
class MemoryLayout:
    """plain: the count of tokens without a position, the first ones. side: of the square of the others, row by row."""

    plain: int
    side: int

    @classmethod
    def of(cls, model: SAM2Base, side: int) -> MemoryLayout:
        """side: of the coarse feature map."""
        perceiver = getattr(model, "spatial_perceiver", None)
        return cls(0, side) if perceiver is None else cls(int(perceiver.plain), int(perceiver.side))

    @property
    def tokens(self) -> int:
        """The count of tokens, N."""
        return self.plain + self.side**2

    def positions(self, model: SAM2Base) -> Tensor:
        """Position encodings [1, N, M] float32 of a memory's tokens; zeros for the plain ones."""
        placed = map_positions(model.memory_encoder.position_encoding, self.side, model.device)
        placed = placed.flatten(2).transpose(1, 2)
        return torch.cat([placed.new_zeros(1, self.plain, placed.size(2)), placed], dim=1) if self.plain else placed


def perceiver_of(model: SAM2Base) -> Perceiver | None:
    """The part that compresses memories; None in a model that keeps them whole."""
    return cast(Perceiver | None, getattr(model, "spatial_perceiver", None))


def map_positions(encoding: Callable[[Tensor], Tensor], side: int, device: torch.device) -> Tensor:
    """Position encodings [1, C, side, side] float32 of a feature map; the module uses its argument's shape only."""
    with torch.inference_mode():
        return encoding(torch.zeros(1, 1, side, side, device=device)).clone()
