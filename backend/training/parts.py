"""The weights that a training changes."""

from __future__ import annotations

from collections.abc import Mapping

from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from backend.domain.training import TrainedPart

ENCODER_SHARE = 0.1
"""The image encoder's share of the learning rate: it knows far more than a project can teach."""

_ENCODER = ("image_encoder.", "sam_mask_decoder.conv_s0.", "sam_mask_decoder.conv_s1.")
"""The convolutions belong to the decoder in name. They make the finer levels of the kept features."""

_DECODER = ("sam_mask_decoder.", "sam_prompt_encoder.", "obj_ptr_proj.")


def is_trained(name: str, part: TrainedPart) -> bool:
    """Whether a training of this part changes the parameter of a name. MEMORY includes the decoder."""
    if part is TrainedPart.ALL:
        return True
    if name.startswith(_ENCODER):
        return False
    return part is TrainedPart.MEMORY or name.startswith(_DECODER)


def choose_parts(model: SAM2Base, part: TrainedPart) -> dict[str, nn.Parameter]:
    """Freezes the other parameters and returns the trained ones by name."""
    chosen: dict[str, nn.Parameter] = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(is_trained(name, part))
        if parameter.requires_grad:
            chosen[name] = parameter
    return chosen


def parameter_groups(chosen: Mapping[str, nn.Parameter]) -> list[dict[str, object]]:
    """Groups of the optimizer: the image encoder with a small share of the rate, the others with all of it."""
    encoder = [parameter for name, parameter in chosen.items() if name.startswith(_ENCODER)]
    others = [parameter for name, parameter in chosen.items() if not name.startswith(_ENCODER)]
    groups: list[dict[str, object]] = [{"params": others, "share": 1.0}]
    return [*groups, {"params": encoder, "share": ENCODER_SHARE}] if encoder else groups


def copied(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies of weights, without gradients."""
    return {name: value.detach().clone() for name, value in weights.items()}
