"""The config of a tracker's checkpoint in transformers' format: `config.json`. Does not import torch.

transformers leaves out a key whose value is its default, so every key that is read has a default here: the value of
the published model. A value that Masklet cannot run is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.adapters.sam2.trackers.config_reader import ConfigReader, read_values
from backend.domain.errors import ModelError

EDGETAM_TYPE, SAM3_TYPE, SAM3_VIDEO_TYPE = "edgetam_video", "sam3_tracker_video", "sam3_video"
"""Model types. The last one is SAM 3's whole checkpoint, of which the tracker is a part."""
TYPES: Mapping[str, tuple[str, ...]] = {"edgetam": (EDGETAM_TYPE,), "sam3": (SAM3_TYPE, SAM3_VIDEO_TYPE)}
"""The model types that a checkpoint of this name can have."""
EDGETAM_STRIDE, SAM3_STRIDE, MASK_STRIDE = 16, 14, 16
"""Pixels of the image, and of a mask that is encoded into a memory, a pixel of the coarse feature map."""

_ARCHITECTURE = re.compile(r"repvit_[a-z0-9_]{1,20}(\.[a-z0-9_]{1,30})?")

_FIXED: Mapping[str, object] = {
    "prompt_encoder_config.mask_input_channels": 16,
    "prompt_encoder_config.num_point_embeddings": 4,
    "prompt_encoder_config.hidden_act": "gelu",
    "mask_decoder_config.hidden_act": "gelu",
    "mask_decoder_config.mlp_dim": 2048,
    "mask_decoder_config.num_hidden_layers": 2,
    "mask_decoder_config.num_attention_heads": 8,
    "mask_decoder_config.attention_downsample_rate": 2,
    "mask_decoder_config.num_multimask_outputs": 3,
    "mask_decoder_config.iou_head_depth": 3,
    "mask_decoder_config.iou_head_hidden_dim": 256,
    "mask_downsampler_kernel_size": 3,
    "mask_downsampler_stride": 2,
    "mask_downsampler_padding": 1,
    "mask_downsampler_total_stride": MASK_STRIDE,
    "mask_downsampler_hidden_act": "gelu",
    "memory_fuser_hidden_act": "gelu",
    "multimask_output_in_sam": True,
    "enable_temporal_pos_encoding_for_object_pointers": True,
    "enable_occlusion_spatial_embedding": True,
}
"""Values that sam2's modules or Masklet's memory bank have built in."""

_FIXED_EDGETAM: Mapping[str, object] = {
    "vision_config.backbone_config.model_args": {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]},
    "vision_config.fpn_kernel_size": 1,
    "vision_config.fpn_stride": 1,
    "vision_config.fpn_padding": 0,
    "vision_config.num_feature_levels": 3,
    "prompt_encoder_config.patch_size": EDGETAM_STRIDE,
    "memory_attention_mlp_hidden_act": "relu",
    "max_cond_frame_num": -1,
}

_FIXED_SAM3: Mapping[str, object] = {
    "vision_config.scale_factors": [4.0, 2.0, 1.0, 0.5],
    "vision_config.backbone_config.patch_size": SAM3_STRIDE,
    "vision_config.backbone_config.num_channels": 3,
    "prompt_encoder_config.patch_size": SAM3_STRIDE,
    "prompt_encoder_config.scale": 1,
    "memory_attention_feed_forward_hidden_act": "relu",
}

_COUNTS: Mapping[str, int] = {
    "vision_config.fpn_hidden_size": 256,
    "num_maskmem": 7,
    "max_object_pointers_in_encoder": 16,
    "multimask_max_pt_num": 1,
    "memory_attention_num_attention_heads": 1,
    "memory_attention_downsample_rate": 1,
    "memory_encoder_output_channels": 64,
    "memory_fuser_num_layers": 2,
    "memory_fuser_kernel_size": 7,
    "memory_fuser_padding": 3,
}
"""Positive integers, with the published values."""

_COUNTS_EDGETAM: Mapping[str, int] = {
    "memory_attention_num_layers": 2,
    "memory_attention_mlp_hidden_size": 2048,
    "perceiver_resampler_num_latents": 256,
    "perceiver_resampler_num_latents_2d": 256,
    "perceiver_resampler_mlp_intermediate_size": 256,
    "perceiver_resampler_num_attention_heads": 1,
    "perceiver_resampler_num_layers": 2,
}

_COUNTS_SAM3: Mapping[str, int] = {
    "memory_attention_num_layers": 4,
    "memory_attention_feed_forward_hidden_size": 2048,
    "max_cond_frame_num": 4,
    "vision_config.backbone_config.window_size": 24,
}


@dataclass(frozen=True, slots=True)
class TrackerConfig:
    """What a model is built from. counts: positive integers, and numbers: scales and thresholds, by key.

    image_size: of the training, in pixels. image_size_step: image sizes are multiples. stride: pixels of the image a
    pixel of the coarse feature map. feed_forward: the width of the layers within memory attention. max_prompted: the
    nearest prompted frames that are attended; 0: all.
    """

    file: Path
    image_size: int
    image_size_step: int
    stride: int
    feed_forward: int
    max_prompted: int
    counts: Mapping[str, int]
    numbers: Mapping[str, float]
    multimask_for_tracking: bool
    chooses_by_stability: bool

    @property
    def width(self) -> int:
        """Channels of the feature maps, D."""
        return self.counts["vision_config.fpn_hidden_size"]

    @property
    def memory_width(self) -> int:
        """Channels of a memory, M."""
        return self.counts["memory_encoder_output_channels"]


@dataclass(frozen=True, slots=True)
class EdgeTamConfig(TrackerConfig):
    """architecture: of the image encoder, by timm's name. channels: of its maps, coarsest first.

    top_down: the levels of the neck that get the sum of the coarser ones.
    """

    architecture: str
    channels: tuple[int, ...]
    top_down: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sam3Config(TrackerConfig):
    """vision: the keys of the image encoder, as transformers takes them."""

    vision: Mapping[str, object]


def read_config(path: Path, name: str) -> EdgeTamConfig | Sam3Config:
    """The config in a `config.json`. name: of the checkpoint, a key of TYPES.

    Raises ModelError that names the file and the fault.
    """
    values = read_values(path)
    found = values.get("model_type")
    if found not in TYPES[name]:
        wanted = " or ".join(repr(each) for each in TYPES[name])
        raise ModelError(f"{path} is of a model of type {found!r}; Masklet needs {wanted}")
    config = _edgetam(path, values) if found == EDGETAM_TYPE else _sam3(path, _tracker_of(values))
    if config.image_size % config.image_size_step:
        raise ModelError(
            f"{path} sets image_size to {config.image_size}: Masklet runs multiples of {config.image_size_step}"
        )
    return config


def _tracker_of(values: Mapping[str, object]) -> Mapping[str, object]:
    """The tracker's part of a whole SAM 3, with the image encoder that it shares with the detector."""
    if values.get("model_type") != SAM3_VIDEO_TYPE:
        return values
    detector, tracker = values.get("detector_config"), values.get("tracker_config")
    vision = detector.get("vision_config") if isinstance(detector, dict) else None
    return {**(tracker if isinstance(tracker, dict) else {}), **({} if vision is None else {"vision_config": vision})}


def _edgetam(path: Path, values: Mapping[str, object]) -> EdgeTamConfig:
    reader = ConfigReader(path, values)
    counts = _counts(reader, _FIXED_EDGETAM, _COUNTS_EDGETAM)
    width = counts["memory_encoder_output_channels"]
    side = math.isqrt(counts["perceiver_resampler_num_latents_2d"])
    for key, default, expected in (
        ("perceiver_resampler_hidden_size", 64, width),
        ("perceiver_resampler_attention_head_dim", 64, width // counts["perceiver_resampler_num_attention_heads"]),
        ("perceiver_resampler_num_latents_2d", 256, side**2),
        ("memory_attention_rope_k_sizes", [16, 16], [side, side]),
    ):
        reader.require(key, expected, default=default)
    return EdgeTamConfig(
        file=path,
        image_size=reader.side("image_size", 1024),
        # Each latent of the square has as many pixels of the coarse map as the others.
        image_size_step=EDGETAM_STRIDE * side,
        stride=EDGETAM_STRIDE,
        feed_forward=counts["memory_attention_mlp_hidden_size"],
        max_prompted=0,
        counts=counts,
        numbers=_numbers(reader),
        multimask_for_tracking=reader.flag("multimask_output_for_tracking"),
        chooses_by_stability=reader.flag("mask_decoder_config.dynamic_multimask_via_stability"),
        architecture=reader.text(
            "vision_config.backbone_config.architecture", "repvit_m1", _ARCHITECTURE, "Masklet runs timm's repvit"
        ),
        channels=reader.counts("vision_config.backbone_channel_list", (384, 192, 96, 48)),
        top_down=reader.counts("vision_config.fpn_top_down_levels", (2, 3)),
    )


def _sam3(path: Path, values: Mapping[str, object]) -> Sam3Config:
    reader = ConfigReader(path, values)
    counts = _counts(reader, _FIXED_SAM3, _COUNTS_SAM3)
    return Sam3Config(
        file=path,
        image_size=reader.side("image_size", reader.side("vision_config.backbone_config.image_size", 1008)),
        # Whole windows of the image encoder.
        image_size_step=SAM3_STRIDE * counts["vision_config.backbone_config.window_size"],
        stride=SAM3_STRIDE,
        feed_forward=counts["memory_attention_feed_forward_hidden_size"],
        max_prompted=counts["max_cond_frame_num"],
        counts=counts,
        numbers=_numbers(reader),
        multimask_for_tracking=reader.flag("multimask_output_for_tracking"),
        chooses_by_stability=reader.flag("mask_decoder_config.dynamic_multimask_via_stability"),
        vision=reader.part("vision_config"),
    )


def _counts(reader: ConfigReader, fixed: Mapping[str, object], more: Mapping[str, int]) -> dict[str, int]:
    for key, expected in {**fixed, **_FIXED}.items():
        reader.require(key, expected)
    counts = {key: reader.count(key, default) for key, default in {**_COUNTS, **more}.items()}
    hidden = counts["vision_config.fpn_hidden_size"]
    for key, default, expected in (
        ("prompt_encoder_config.hidden_size", 256, hidden),
        ("mask_decoder_config.hidden_size", 256, hidden),
        ("memory_attention_hidden_size", 256, hidden),
        ("memory_encoder_hidden_size", 256, hidden),
        ("mask_downsampler_embed_dim", 256, hidden),
        ("memory_fuser_embed_dim", 256, hidden),
        ("memory_fuser_intermediate_dim", 1024, 4 * hidden),
    ):
        reader.require(key, expected, default=default)
    return counts


def _numbers(reader: ConfigReader) -> dict[str, float]:
    return {
        "rope_theta": reader.number("rope_parameters.rope_theta", reader.number("memory_attention_rope_theta", 1e4)),
        "sigmoid_scale_for_mem_enc": reader.number("sigmoid_scale_for_mem_enc", 20.0),
        "sigmoid_bias_for_mem_enc": reader.number("sigmoid_bias_for_mem_enc", -10.0),
        "multimask_min_pt_num": reader.number("multimask_min_pt_num", 0),
        "stability_delta": reader.number("mask_decoder_config.dynamic_multimask_stability_delta", 0.05),
        "stability_threshold": reader.number("mask_decoder_config.dynamic_multimask_stability_thresh", 0.98),
    }
