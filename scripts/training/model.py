"""The models that are trained here: built from a config with sam2's own classes and a special initialisation.

The initialisation makes a click attend to its own location from the first step. With sam2's random initialisation the
model needs tens of thousands of samples before it responds to prompts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from sam2.modeling.sam.transformer import Attention
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

CONFIG_PATH = Path(__file__).resolve().parents[2] / "backend" / "checkpoints" / "demo.yaml"
PHOTO_CONFIG_PATH = Path(__file__).with_name("photo") / "photo.yaml"


def config_of(weights: Mapping[str, Tensor]) -> Path:
    """The config of a model's weights: the demo model's, or the photo model's."""
    return PHOTO_CONFIG_PATH if "image_encoder.trunk.stem.weight" in weights else CONFIG_PATH


def configured_image_size(config: Path = CONFIG_PATH) -> int:
    """The image size of a config; of the packaged one, that of the shipped model."""
    return int(OmegaConf.load(config).model.image_size)


def build_model(image_size: int, seed: int = 0, config_path: Path = CONFIG_PATH) -> SAM2Base:
    """A freshly initialised model for square frames of ``image_size`` pixels, on the CPU; by default the demo model."""
    config = OmegaConf.load(config_path)
    config.model.image_size = image_size
    torch.manual_seed(seed)
    model: SAM2Base = instantiate(config.model, _recursive_=True)
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
