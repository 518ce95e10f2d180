"""Prompts to prompted frames: a prompt's mask and its memory.

A prompt that locates the object (a positive click, a box, a mask) is decoded from its own frame only, as the reference
predictor does with prompts given before propagation. A prompt of negative clicks only corrects the mask that the
object's other prompts give on its frame, and is decoded with their memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.adapters.sam2.evidence import MaskStats
from backend.adapters.sam2.features.preprocess import mask_tensor
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.model.memory_selection import FramePosition, Memories, MemoryFrame
from backend.adapters.sam2.model.tensors import Decoded, ImageFeatures, PointInputs
from backend.domain.errors import PromptError
from backend.domain.geometry import Point
from backend.domain.prompts import FramePrompt, PromptSet

_POSITIVE, _NEGATIVE, _BOX_START, _BOX_END = 1, 0, 2, 3
_LOGIT_CLAMP = 32.0


@dataclass(frozen=True, slots=True, eq=False)
class PromptedFrame:
    """A prompted frame's mask at SAM 2's resolution, and its memory. Batch of one: logits [1, 1, h, w] float32."""

    prompt: FramePrompt
    decoded: MaskStats
    memory: MemoryFrame


def require_locatable(prompts: PromptSet) -> None:
    """Raises PromptError for an object without a prompt that locates it."""
    for object_id in prompts.unlocated_ids:
        raise PromptError(f"object {object_id!r} has negative clicks only: add a positive click, a box or a mask")


def decode_prompt(blocks: Sam2Blocks, features: ImageFeatures, prompt: FramePrompt) -> Decoded:
    """Decodes a prompt that locates the object, from its frame only. features: levels [1, C, H, W]."""
    if prompt.mask is not None:
        mask = mask_tensor(prompt.mask, image_size=blocks.image_size, device=blocks.device)
        return blocks.decode_mask(features, mask)
    return blocks.decode(
        blocks.without_memory(features), features, points=_point_inputs(blocks, prompt), is_initial=True
    )


def decode_correction(
    blocks: Sam2Blocks,
    features: ImageFeatures,
    prompt: FramePrompt,
    *,
    prompted: Mapping[int, MemoryFrame],
    frame_count: int,
) -> Decoded:
    """Decodes a prompt of negative clicks, conditioned on the object's other prompted frames."""
    conditioned = attend_prompted(blocks, features, prompted, frame_index=prompt.frame_index, frame_count=frame_count)
    expected = blocks.decode(conditioned, features)
    previous = expected.raw.clamp(-_LOGIT_CLAMP, _LOGIT_CLAMP) if bool(expected.presence[0, 0] > 0) else None
    return blocks.decode(conditioned, features, points=_point_inputs(blocks, prompt), previous=previous)


def attend_prompted(
    blocks: Sam2Blocks,
    features: ImageFeatures,
    prompted: Mapping[int, MemoryFrame],
    *,
    frame_index: int,
    frame_count: int,
) -> Tensor:
    """A frame [1, D, h, w] conditioned on one object's prompted frames only; backward if it is before all of them."""
    position = FramePosition(frame_index, frame_count, backward=frame_index < min(prompted))
    return blocks.attend_memory(features, [blocks.select_memory(Memories(prompted, {}), position)], position)


def positive_clicks(blocks: Sam2Blocks, points: Sequence[Point]) -> PointInputs:
    """A positive click for each of B objects. points: relative to the frame."""
    coords_px = torch.tensor([[(p.x_rel, p.y_rel)] for p in points], dtype=torch.float32) * blocks.image_size
    labels = torch.full((len(points), 1), _POSITIVE, dtype=torch.int32)
    return PointInputs(coords_px.to(blocks.device), labels.to(blocks.device))


def _point_inputs(blocks: Sam2Blocks, prompt: FramePrompt) -> PointInputs:
    """Box corners, then clicks, in model pixels: the order of SAM 2's training."""
    coords: list[tuple[float, float]] = []
    labels: list[int] = []
    if prompt.box is not None:
        coords += [(prompt.box.x0_rel, prompt.box.y0_rel), (prompt.box.x1_rel, prompt.box.y1_rel)]
        labels += [_BOX_START, _BOX_END]
    for click in prompt.points:
        coords.append((click.point.x_rel, click.point.y_rel))
        labels.append(_POSITIVE if click.positive else _NEGATIVE)
    coords_px = torch.tensor([coords], dtype=torch.float32) * blocks.image_size
    return PointInputs(coords_px.to(blocks.device), torch.tensor([labels], dtype=torch.int32).to(blocks.device))
