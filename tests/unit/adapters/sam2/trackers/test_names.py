"""transformers' names of weights, as sam2 has them."""

from __future__ import annotations

import pytest
import torch

from backend.adapters.sam2.trackers.names import sam2_name, sam2_weights, tracker_name


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("vision_encoder.backbone.timm_model.stem.conv1.c.weight", "image_encoder.trunk.net.stem.conv1.c.weight"),
        ("vision_encoder.neck.fpn_layers.0.proj1.bias", "image_encoder.trunk.vision.neck.fpn_layers.0.proj1.bias"),
        (
            "vision_encoder.backbone.layers.7.mlp.fc1.bias",
            "image_encoder.trunk.vision.backbone.layers.7.mlp.fc1.bias",
        ),
        ("mask_decoder.iou_prediction_head.layers.0.bias", "sam_mask_decoder.iou_prediction_head.layers.1.bias"),
        ("object_pointer_proj.proj_out.weight", "obj_ptr_proj.layers.2.weight"),
        (
            "mask_decoder.transformer.layers.1.mlp.proj_out.bias",
            "sam_mask_decoder.transformer.layers.1.mlp.layers.1.bias",
        ),
        (
            "mask_decoder.transformer.final_attn_token_to_image.o_proj.bias",
            "sam_mask_decoder.transformer.final_attn_token_to_image.out_proj.bias",
        ),
        ("memory_attention.layers.0.layer_norm3.bias", "memory_attention.layers.0.norm3.bias"),
        (
            "memory_encoder.mask_downsampler.layers.2.layer_norm.bias",
            "memory_encoder.mask_downsampler.encoder.7.bias",
        ),
        ("spatial_perceiver.layers.0.cross_attention.o_proj.weight",) * 2,
        ("something.else",) * 2,
    ],
)
def test_a_name(theirs: str, ours: str) -> None:
    assert sam2_name(theirs) == ours


@pytest.mark.parametrize(
    ("stored", "used"),
    [
        ("tracker_model.memory_attention.layer_norm.bias", "memory_attention.layer_norm.bias"),
        ("tracker_neck.fpn_layers.2.proj1.bias", "vision_encoder.neck.fpn_layers.2.proj1.bias"),
        ("tracker_neck.fpn_layers.3.proj1.bias", ""),
        (
            "detector_model.vision_encoder.backbone.layers.0.mlp.fc1.bias",
            "vision_encoder.backbone.layers.0.mlp.fc1.bias",
        ),
        ("detector_model.vision_encoder.neck.fpn_layers.0.proj1.bias", ""),
        ("detector_model.detr_decoder.box_head.layer1.bias", ""),
        ("memory_attention.layer_norm.bias", "memory_attention.layer_norm.bias"),
    ],
)
def test_the_trackers_part_of_a_whole_sam3(stored: str, used: str) -> None:
    assert tracker_name(stored) == used


def test_the_embeddings_of_points_are_split() -> None:
    found = sam2_weights({"prompt_encoder.point_embed.weight": torch.eye(4)}, "a file")
    assert [name.split(".")[2] for name in found] == ["0", "1", "2", "3"]
    stored, row = found["sam_prompt_encoder.point_embeddings.2.weight"]
    assert (stored, row.tolist()) == ("prompt_encoder.point_embed.weight", [[0, 0, 1, 0]])
