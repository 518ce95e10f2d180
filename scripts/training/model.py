"""The models that are trained here: built from a config with sam2's own classes and a special initialisation.

The initialisation makes a click attend to its own location from the first step. With sam2's random initialisation the
model needs tens of thousands of samples before it responds to prompts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from sam2.modeling.sam.transformer import Attention
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

CONFIG_PATH = Path(__file__).resolve().parents[2] / "backend" / "checkpoints" / "demo.yaml"

PHOTO_TRUNK = "scripts.training.photo.efficient_trunk.EfficientTrunk"
PHOTO_CHANNELS = (320, 112, 40, 24)
"""Of the trunk's maps, coarsest first."""


def demo_config() -> DictConfig:
    """The `model:` part of the packaged config."""
    return cast(DictConfig, OmegaConf.load(CONFIG_PATH).model)


def photo_config() -> DictConfig:
    """The demo model's, with another trunk and a neck for its channels."""
    config = demo_config()
    config.image_encoder.trunk = {"_target_": PHOTO_TRUNK}
    config.image_encoder.neck.backbone_channel_list = list(PHOTO_CHANNELS)
    return config


def config_of(weights: Mapping[str, Tensor]) -> DictConfig:
    """The config of a model's weights: the demo model's, or the photo model's."""
    return photo_config() if "image_encoder.trunk.stem.weight" in weights else demo_config()


def configured_image_size() -> int:
    """The image size of the packaged config and the shipped model."""
    return int(demo_config().image_size)


def build_model(image_size: int, seed: int = 0, config: DictConfig | None = None) -> SAM2Base:
    """A freshly initialised model for square frames of ``image_size`` pixels, on the CPU. None: the demo model."""
    config = config or demo_config()
    config.image_size = image_size
    torch.manual_seed(seed)
    model: SAM2Base = instantiate(config, _recursive_=True)
    _initialise_cross_attention(model)
    return model


@torch.no_grad()
def _initialise_cross_attention(model: SAM2Base, gain: float = 2.6) -> None:
    """Initialises the decoder's cross attentions as a comparison of positions.

    A position is encoded as sines and cosines of random projections; the product of two encodings of equal
    frequency depends on the distance alone. Each head compares four of the lower frequencies.
    """
    decoder, encoder = model.sam_mask_decoder.transformer, model.sam_prompt_encoder
    attentions = [decoder.final_attn_token_to_image]
    for layer in decoder.layers:
        attentions += [layer.cross_attn_token_to_image, layer.cross_attn_image_to_token]
        for norm in (layer.norm1, layer.norm2, layer.norm3):
            norm.weight.fill_(0.4)
    matrix = encoder.pe_layer.positional_encoding_gaussian_matrix
    half = matrix.shape[1]
    slow = matrix.norm(dim=0).argsort()[: half // 2]
    for attention in attentions:
        weight = 0.5 * attention.q_proj.weight
        chosen = slow[torch.arange(weight.shape[0] // 2) % len(slow)]
        rows = torch.arange(len(chosen))
        weight[2 * rows, chosen] += gain
        weight[2 * rows + 1, chosen + half] += gain
        for projection in (attention.q_proj, attention.k_proj):
            projection.weight.copy_(weight)
            projection.bias.zero_()
    for layer in decoder.layers:
        _initialise_self_attention(layer.self_attn)
        value = layer.cross_attn_image_to_token.v_proj
        value.weight.mul_(5.0)


def _initialise_self_attention(attention: Attention) -> None:
    """Initialises a self attention near the identity: the first layer has no residual that separates tokens."""
    identity = torch.eye(attention.q_proj.weight.shape[0])
    for projection, share in (
        (attention.q_proj, 0.8),
        (attention.k_proj, 0.8),
        (attention.v_proj, 1.0),
        (attention.out_proj, 1.0),
    ):
        projection.weight.mul_(0.5).add_(share * identity)
        projection.bias.zero_()
