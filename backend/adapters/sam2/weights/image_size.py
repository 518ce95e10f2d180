"""The image size of a model: what the settings choose, and how a built model gets it. Does not import torch.

A frame is resized to a square of this side in pixels before it is encoded. The weights do not depend on it: Hiera
interpolates its position embedding, memory attention computes its rotations, and the other encodings are functions of
positions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from backend.adapters.sam2.weights.checkpoint_files import (
    IMAGE_SIZE_STEP,
    LARGEST_IMAGE,
    SMALLEST_IMAGE,
    Checkpoint,
    is_image_size,
)
from backend.adapters.sam2.weights.checkpoints import AUTO
from backend.domain.errors import ModelError

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base

CPU_SIZE = 512
"""The largest size that `auto` chooses on a CPU."""


def at_image_size(checkpoint: Checkpoint, wanted: str, *, on_gpu: bool) -> Checkpoint:
    """The checkpoint at an image size.

    wanted: MASKLET_IMAGE_SIZE. `auto` is the checkpoint's own size; on a CPU at most CPU_SIZE. Raises
    ModelError for a size that does not fit, with sizes that do.
    """
    if wanted != AUTO:
        size = fitting_size(wanted, checkpoint.image_size_step)
    else:
        own, step = checkpoint.own_image_size, checkpoint.image_size_step
        size = own if on_gpu else min(own, CPU_SIZE // step * step)
    return replace(checkpoint, image_size=size)


def resize_model(model: SAM2Base, image_size: int) -> None:
    """Changes a model's image size, in place. Call it before the model is taken over by Sam2Blocks.

    A window that spans its whole map does so at every size; other windows stay, as in sam2, which pads maps to them.
    """
    grid, old_grid = image_size // model.backbone_stride, model.image_size // model.backbone_stride
    model.image_size = image_size
    model.sam_image_embedding_size = grid
    # The first block of Hiera's last stage attends within windows of the stage before it, at the backbone's stride.
    trunk = model.image_encoder.trunk
    last = trunk.blocks[-1] if hasattr(trunk, "blocks") else None
    if last is not None and last.q_stride and last.window_size >= old_grid:
        last.window_size = grid
    if hasattr(trunk, "resize"):
        trunk.resize(image_size)
    encoder = model.sam_prompt_encoder
    encoder.image_embedding_size = (grid, grid)
    encoder.input_image_size = (image_size, image_size)
    encoder.mask_input_size = (4 * grid, 4 * grid)


def fitting_size(wanted: str, step: int = IMAGE_SIZE_STEP) -> int:
    """The size that a text names. step: see Checkpoint.image_size_step. Raises ModelError, with sizes that fit."""
    size = int(wanted) if wanted.isdecimal() and len(wanted) <= 6 else 0
    if is_image_size(size, step):
        return size
    smallest, largest = -(-SMALLEST_IMAGE // step) * step, LARGEST_IMAGE // step * step
    below = min(max(size // step * step, smallest), largest - step)
    near = f"; {below} and {below + step} are the nearest" if size else ""
    raise ModelError(
        f"MASKLET_IMAGE_SIZE is {wanted!r}; choose auto or a multiple of {step} from {smallest} to {largest}{near}"
    )
