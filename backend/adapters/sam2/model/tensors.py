"""The values that the model's blocks exchange: image features, point prompts, decoded masks."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""By which a frame is normalised, of values from 0 to 1, RGB."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageFeatures:
    """Image encoder output of B frames: feature maps [B, C, H, W], finest first, float32 or bfloat16."""

    levels: tuple[Tensor, ...]

    @property
    def nbytes(self) -> int:
        return sum(level.nbytes for level in self.levels)

    def split(self) -> list[ImageFeatures]:
        """One per frame, levels [1, C, H, W] each, in storage of its own."""
        count = self.levels[0].size(0)
        if count == 1:
            return [self]
        return [ImageFeatures(tuple(level[i : i + 1].clone() for level in self.levels)) for i in range(count)]


@dataclass(frozen=True, slots=True, eq=False)
class PointInputs:
    """Clicks and box corners of B objects, P each. coords: [B, P, 2] float32, x and y in model pixels; labels: [B, P]
    int32.

    Labels are SAM's: 1 positive, 0 negative, 2 and 3 a box's first and second corner.
    """

    coords: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Mask decoder output of B objects.

    logits: [B, 1, h, w] float32 mask logits, gated: NO_OBJ_SCORE if the object is absent. raw: the same before
    the gate. candidates: [B, M, h, w] mask logits before the gate, raw included; M = 0 for mask prompts.
    predicted_ious: [B, M] float32, the chosen candidate first, then the others, best first. pointer: [B, D].
    presence: [B, 1] float32 logit.
    """

    logits: Tensor
    raw: Tensor
    candidates: Tensor
    predicted_ious: Tensor
    pointer: Tensor
    presence: Tensor
