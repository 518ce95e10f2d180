"""From prompts to prompted frames: what SAM 2 makes of each prompt, and the memory it leaves.

A prompt that says where the object is (a positive click, a box, a mask) is answered from its own frame alone, as
the reference predictor does with prompts that are given before propagation. A frame with nothing but negative
clicks corrects what the object's other prompts lead to expect there, and is answered with their memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.adapters.sam2.evidence import MaskStats
from backend.adapters.sam2.features.preprocess import mask_tensor
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.model.memory_selection import FramePosition, Memories, MemoryFrame
from backend.adapters.sam2.model.tensors import Decoded, ImageFeatures, PointInputs
from backend.domain.errors import PromptError
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import FramePrompt, PromptSet

_POSITIVE, _NEGATIVE, _BOX_START, _BOX_END = 1, 0, 2, 3
_LOGIT_CLAMP = 32.0


@dataclass(frozen=True, slots=True, eq=False)
class PromptedFrame:
    """A prompted frame's mask as SAM 2 sees it, and its memory. Batch of one."""

    prompt: FramePrompt
    decoded: MaskStats
    memory: MemoryFrame

    @property
    def origin(self) -> MaskOrigin:
        return MaskOrigin.PROMPTED if self.prompt.mask is None else MaskOrigin.HUMAN


def require_locatable(prompts: PromptSet) -> None:
    """Raises PromptError for an object of which nothing says where it is."""
    for object_id in prompts.object_ids:
        if not any(prompt.has_positive for prompt in prompts.of_object(object_id)):
            raise PromptError(f"object {object_id!r} has negative clicks only: add a positive click, a box or a mask")


def answer(blocks: Sam2Blocks, seen: ImageFeatures, prompt: FramePrompt) -> Decoded:
    """A prompt that says where the object is, from its frame alone."""
    if prompt.mask is not None:
        mask = mask_tensor(prompt.mask, image_size=blocks.image_size, device=blocks.device)
        return blocks.decode_mask(seen, mask)
    return blocks.decode(blocks.without_memory(seen), seen, points=_point_inputs(blocks, prompt), is_initial=True)


def correct(
    blocks: Sam2Blocks,
    seen: ImageFeatures,
    prompt: FramePrompt,
    *,
    prompted: Mapping[int, MemoryFrame],
    frame_count: int,
) -> Decoded:
    """A prompt of negative clicks, in the light of the object's other prompted frames."""
    conditioned = attended(blocks, seen, prompted, frame_index=prompt.frame_index, frame_count=frame_count)
    expected = blocks.decode(conditioned, seen)
    previous = expected.raw.clamp(-_LOGIT_CLAMP, _LOGIT_CLAMP) if bool(expected.presence[0, 0] > 0) else None
    return blocks.decode(conditioned, seen, points=_point_inputs(blocks, prompt), previous=previous)


def attended(
    blocks: Sam2Blocks,
    seen: ImageFeatures,
    prompted: Mapping[int, MemoryFrame],
    *,
    frame_index: int,
    frame_count: int,
) -> Tensor:
    """A frame in the light of one object's prompted frames alone; memory reaches those before all of them backward."""
    moment = FramePosition(frame_index, frame_count, backward=frame_index < min(prompted))
    return blocks.attend_memory(seen, [blocks.select_memory(Memories(prompted, {}), moment)], moment)


def _point_inputs(blocks: Sam2Blocks, prompt: FramePrompt) -> PointInputs:
    """Box corners first, then clicks, in model pixels: the order SAM 2 was trained with."""
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
