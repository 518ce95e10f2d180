"""A small EdgeTAM with seeded random weights: transformers' own model, and its files in a model folder."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    EdgeTamVideoConfig,
    EdgeTamVideoMaskDecoderConfig,
    EdgeTamVideoModel,
    EdgeTamVideoPromptEncoderConfig,
    EdgeTamVisionConfig,
    TimmWrapperConfig,
)

from tests.integration.engine.transformers_oracle import vary_weights

IMAGE_SIZE = 128
SEED = 5
_WIDTH = 128


def small_config(image_size: int = IMAGE_SIZE) -> EdgeTamVideoConfig:
    """RepViT-M1 as published; a small decoder, and 8 plain and 16 placed latents for the 64 pixels of a memory."""
    side = image_size // 16
    vision = EdgeTamVisionConfig(
        backbone_config=TimmWrapperConfig(
            architecture="repvit_m1",
            model_args={"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]},
        ),
        backbone_feature_sizes=[[4 * side, 4 * side], [2 * side, 2 * side], [side, side]],
        fpn_hidden_size=_WIDTH,
    )
    return EdgeTamVideoConfig(
        vision_config=vision,
        prompt_encoder_config=EdgeTamVideoPromptEncoderConfig(hidden_size=_WIDTH, image_size=image_size),
        mask_decoder_config=EdgeTamVideoMaskDecoderConfig(hidden_size=_WIDTH),
        image_size=image_size,
        memory_attention_hidden_size=_WIDTH,
        memory_attention_mlp_hidden_size=256,
        memory_attention_rope_feat_sizes=[side, side],
        memory_attention_rope_k_sizes=[4, 4],
        memory_encoder_hidden_size=_WIDTH,
        mask_downsampler_embed_dim=_WIDTH,
        memory_fuser_embed_dim=_WIDTH,
        memory_fuser_intermediate_dim=4 * _WIDTH,
        perceiver_resampler_num_latents=8,
        perceiver_resampler_num_latents_2d=16,
    )


def small_edgetam() -> EdgeTamVideoModel:
    """transformers' model, on the CPU, in evaluation mode, with weights that give masks which are present and vary."""
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = EdgeTamVideoModel(small_config())
        with torch.no_grad():
            vary_weights(model)
            for name, parameter in model.named_parameters():
                if name.endswith("bn.weight"):
                    parameter.uniform_(0.8, 1.2)
            _settle_normalisation(model.vision_encoder)
    return model.eval().requires_grad_(False)


def resized_edgetam(model: EdgeTamVideoModel, image_size: int) -> EdgeTamVideoModel:
    """transformers' model at another image size, with the same weights."""
    resized = EdgeTamVideoModel(small_config(image_size))
    resized.load_state_dict(model.state_dict())
    return resized.eval().requires_grad_(False)


def save_edgetam(model: EdgeTamVideoModel, model_dir: Path) -> Path:
    """Writes a model's files as `save_pretrained` does, into `edgetam` of a model folder. Returns that folder."""
    folder = model_dir / "edgetam"
    model.save_pretrained(folder)
    return folder


def _settle_normalisation(encoder: torch.nn.Module) -> None:
    """Takes the batch normalisation's statistics from noise: without them the features of deep layers explode."""
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    encoder.train()
    encoder(torch.randn(4, 3, IMAGE_SIZE, IMAGE_SIZE))
    encoder.eval()
