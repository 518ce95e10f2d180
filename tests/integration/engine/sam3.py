"""A small SAM 3 tracker with seeded random weights: transformers' own model, and its files in a model folder."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    Sam3TrackerVideoConfig,
    Sam3TrackerVideoMaskDecoderConfig,
    Sam3TrackerVideoModel,
    Sam3TrackerVideoPromptEncoderConfig,
)

from tests.integration.engine.transformers_oracle import vary_weights

IMAGE_SIZE, PATCH, WINDOW = 168, 14, 4
SEED = 7
_WIDTH = 128


def small_config(image_size: int = IMAGE_SIZE) -> Sam3TrackerVideoConfig:
    """Four layers of a ViT, two of them over the whole map, and a small decoder. Maps of 12 pixels in windows of 4."""
    side = image_size // PATCH
    vision = {
        "model_type": "sam3_vision_model",
        "fpn_hidden_size": _WIDTH,
        "backbone_feature_sizes": [[4 * side, 4 * side], [2 * side, 2 * side], [side, side]],
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "window_size": WINDOW,
            "global_attn_indexes": [1, 3],
            "pretrain_image_size": 2 * WINDOW * PATCH,
            "image_size": image_size,
        },
    }
    return Sam3TrackerVideoConfig(
        vision_config=vision,
        prompt_encoder_config=Sam3TrackerVideoPromptEncoderConfig(hidden_size=_WIDTH, image_size=image_size),
        mask_decoder_config=Sam3TrackerVideoMaskDecoderConfig(hidden_size=_WIDTH),
        image_size=image_size,
        max_cond_frame_num=2,
        memory_attention_hidden_size=_WIDTH,
        memory_attention_num_layers=2,
        memory_attention_feed_forward_hidden_size=256,
        memory_encoder_hidden_size=_WIDTH,
        mask_downsampler_embed_dim=_WIDTH,
        memory_fuser_embed_dim=_WIDTH,
        memory_fuser_intermediate_dim=4 * _WIDTH,
    )


def small_sam3() -> Sam3TrackerVideoModel:
    """transformers' model, on the CPU, in evaluation mode, with weights that give masks which are present and vary."""
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = Sam3TrackerVideoModel(small_config())
        with torch.no_grad():
            vary_weights(model)
            model.vision_encoder.backbone.embeddings.position_embeddings.normal_(0.0, 0.3)
    return model.eval().requires_grad_(False)


def resized_sam3(model: Sam3TrackerVideoModel, image_size: int) -> Sam3TrackerVideoModel:
    """transformers' model at another image size, with the same weights."""
    resized = Sam3TrackerVideoModel(small_config(image_size))
    resized.load_state_dict(model.state_dict())
    return resized.eval().requires_grad_(False)


def save_sam3(model: Sam3TrackerVideoModel, model_dir: Path) -> Path:
    """Writes the tracker's files as `save_pretrained` does, into `sam3` of a model folder. Returns that folder."""
    folder = model_dir / "sam3"
    folder.mkdir(parents=True)
    model.config.save_pretrained(folder)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
    return folder


def save_whole_sam3(model: Sam3TrackerVideoModel, model_dir: Path) -> Path:
    """Writes the files as a whole SAM 3 has them: an image encoder of the detector's, and weights of the detector."""
    folder = save_sam3(model, model_dir)
    weights = {whole_name(name): tensor.contiguous() for name, tensor in model.state_dict().items()}
    weights["detector_model.text_encoder.weight"] = torch.zeros(3)
    weights["detector_model.vision_encoder.neck.fpn_layers.0.proj1.weight"] = torch.zeros(3)
    save_file(weights, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    vision = config.pop("vision_config")
    (folder / "config.json").write_text(
        json.dumps({"model_type": "sam3_video", "detector_config": {"vision_config": vision}, "tracker_config": config})
    )
    return folder


def whole_name(name: str) -> str:
    if name.startswith("vision_encoder.neck."):
        return name.replace("vision_encoder.neck.", "tracker_neck.")
    return f"detector_model.{name}" if name.startswith("vision_encoder.") else f"tracker_model.{name}"
