"""Names of weights: transformers' to sam2's, for a model with SAM 2's structure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from backend.domain.errors import ModelError

_SHARED_POSITIONS = (
    "shared_image_embedding.positional_embedding",
    "prompt_encoder.shared_embedding.positional_embedding",
)
"""transformers stores the encoding of places in the image twice; sam2 has it once."""
_POINTS = "prompt_encoder.point_embed.weight"
_HEADS = r"(output_hypernetworks_mlps\.\d+|iou_prediction_head|pred_obj_score_head|obj_ptr_proj)"

_Replacement = str | Callable[[re.Match[str]], str]


def _downsampled(match: re.Match[str]) -> str:
    # sam2 has convolution, normalisation and activation in one sequence.
    number, part = 3 * int(match[1]), match[2]
    return f"memory_encoder.mask_downsampler.encoder.{number + (part == 'layer_norm')}."


_RULES: tuple[tuple[re.Pattern[str], _Replacement], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^vision_encoder\.backbone\.timm_model\.", "image_encoder.trunk.net."),
        (r"^vision_encoder\.(backbone|neck\.fpn_layers)\.", r"image_encoder.trunk.vision.\1."),
        (r"^vision_encoder\.neck\.convs\.(\d+)\.", r"image_encoder.neck.convs.\1.conv."),
        (r"^no_memory_embedding$", "no_mem_embed"),
        (r"^no_memory_positional_encoding$", "no_mem_pos_enc"),
        (r"^memory_temporal_positional_encoding$", "maskmem_tpos_enc"),
        (r"^no_object_pointer$", "no_obj_ptr"),
        (r"^occlusion_spatial_embedding_parameter$", "no_obj_embed_spatial"),
        (r"^object_pointer_proj\.", "obj_ptr_proj."),
        (r"^temporal_positional_encoding_projection_layer\.", "obj_ptr_tpos_proj."),
        (r"^prompt_encoder\.mask_embed\.conv1\.", "sam_prompt_encoder.mask_downscaling.0."),
        (r"^prompt_encoder\.mask_embed\.layer_norm1\.", "sam_prompt_encoder.mask_downscaling.1."),
        (r"^prompt_encoder\.mask_embed\.conv2\.", "sam_prompt_encoder.mask_downscaling.3."),
        (r"^prompt_encoder\.mask_embed\.layer_norm2\.", "sam_prompt_encoder.mask_downscaling.4."),
        (r"^prompt_encoder\.mask_embed\.conv3\.", "sam_prompt_encoder.mask_downscaling.6."),
        (r"^prompt_encoder\.", "sam_prompt_encoder."),
        (r"^mask_decoder\.upscale_conv1\.", "sam_mask_decoder.output_upscaling.0."),
        (r"^mask_decoder\.upscale_layer_norm\.", "sam_mask_decoder.output_upscaling.1."),
        (r"^mask_decoder\.upscale_conv2\.", "sam_mask_decoder.output_upscaling.3."),
        (r"^mask_decoder\.", "sam_mask_decoder."),
        (_HEADS + r"\.layers\.0\.", r"\1.layers.1."),
        (_HEADS + r"\.proj_in\.", r"\1.layers.0."),
        (_HEADS + r"\.proj_out\.", r"\1.layers.2."),
        (r"^(sam_mask_decoder\.transformer\.layers\.\d+\.mlp)\.proj_in\.", r"\1.layers.0."),
        (r"^(sam_mask_decoder\.transformer\.layers\.\d+\.mlp)\.proj_out\.", r"\1.layers.1."),
        (r"^(sam_mask_decoder\.transformer)\.layer_norm_final_attn\.", r"\1.norm_final_attn."),
        (r"^(memory_attention\.layers\.\d+)\.mlp\.up_proj\.", r"\1.linear1."),
        (r"^(memory_attention\.layers\.\d+)\.mlp\.down_proj\.", r"\1.linear2."),
        (r"^memory_attention\.layer_norm\.", "memory_attention.norm."),
        (r"^((?:sam_mask_decoder\.transformer|memory_attention)\.layers\.\d+)\.layer_norm(\d)\.", r"\1.norm\2."),
        (r"^((?:sam_mask_decoder\.transformer|memory_attention)\..*)\.o_proj\.", r"\1.out_proj."),
        (r"^memory_encoder\.mask_downsampler\.layers\.(\d+)\.(conv|layer_norm)\.", _downsampled),
        (r"^memory_encoder\.mask_downsampler\.final_conv\.", "memory_encoder.mask_downsampler.encoder.12."),
        (r"^memory_encoder\.feature_projection\.", "memory_encoder.pix_feat_proj."),
        (r"^memory_encoder\.projection\.", "memory_encoder.out_proj."),
        (r"^memory_encoder\.memory_fuser\.", "memory_encoder.fuser."),
        (r"^(memory_encoder\.fuser\.layers\.\d+)\.scale$", r"\1.gamma"),
        (r"^(memory_encoder\.fuser\.layers\.\d+)\.depthwise_conv\.", r"\1.dwconv."),
        (r"^(memory_encoder\.fuser\.layers\.\d+)\.layer_norm\.", r"\1.norm."),
        (r"^(memory_encoder\.fuser\.layers\.\d+)\.pointwise_conv(\d)\.", r"\1.pwconv\2."),
    )
)
"""Applied one after the other."""

_PARTS_OF_SAM3: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^detector_model\.vision_encoder\.backbone\.", "vision_encoder.backbone."),
        (r"^detector_model\..*$", ""),
        (r"^tracker_neck\.", "vision_encoder.neck."),
        (r"^tracker_model\.", ""),
        # The coarsest level, which the tracker does not read.
        (r"^vision_encoder\.neck\.fpn_layers\.3\..*$", ""),
    )
)


def tracker_name(name: str) -> str:
    """transformers' name of a tracker's weight, for its name in a file; empty for a weight that the tracker has not.

    SAM 3's whole checkpoint has the detector's weights too, and one image encoder for both.
    """
    for pattern, replacement in _PARTS_OF_SAM3:
        name = pattern.sub(replacement, name)
    return name


def sam2_name(name: str) -> str:
    """sam2's name of a weight, or the name itself if no rule changes it."""
    for pattern, replacement in _RULES:
        name = pattern.sub(replacement, name)
    return name


def sam2_weights(weights: Mapping[str, Tensor], file: str) -> dict[str, tuple[str, Tensor]]:
    """Weights by sam2's names, each with its name in the file. Tensors as stored.

    file: for messages. Raises ModelError if the two stored encodings of places differ.
    """
    first, second = (weights.get(name) for name in _SHARED_POSITIONS)
    if first is not None and second is not None and not first.equal(second):
        raise ModelError(f"{file} has different values in {_SHARED_POSITIONS[0]} and {_SHARED_POSITIONS[1]}")
    renamed: dict[str, tuple[str, Tensor]] = {}
    for name, tensor in weights.items():
        if name in _SHARED_POSITIONS:
            renamed["sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"] = (name, tensor)
        elif name == _POINTS:
            for number, row in enumerate(torch.split(tensor, 1)):
                renamed[f"sam_prompt_encoder.point_embeddings.{number}.weight"] = (name, row)
        else:
            renamed[sam2_name(name)] = (name, tensor)
    return renamed
