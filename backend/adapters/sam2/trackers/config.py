"""The config of a tracker's checkpoint in transformers' format: `config.json`. Does not import torch.

transformers leaves out a key whose value is its default, so every key that is read has a default here: the value of
the published EdgeTAM. A value that Masklet cannot run is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.codecs.json_file import read_json
from backend.domain.errors import ModelError

MODEL_TYPE = "edgetam_video"
STRIDE = 16
"""Pixels of the image a pixel of the coarse feature map, in each direction."""

_ARCHITECTURE = re.compile(r"repvit_[a-z0-9_]{1,20}(\.[a-z0-9_]{1,30})?")

_FIXED: Mapping[str, object] = {
    "vision_config.backbone_config.model_args": {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]},
    "vision_config.fpn_kernel_size": 1,
    "vision_config.fpn_stride": 1,
    "vision_config.fpn_padding": 0,
    "vision_config.num_feature_levels": 3,
    "prompt_encoder_config.patch_size": STRIDE,
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
    "memory_attention_mlp_hidden_act": "relu",
    "mask_downsampler_kernel_size": 3,
    "mask_downsampler_stride": 2,
    "mask_downsampler_padding": 1,
    "mask_downsampler_total_stride": STRIDE,
    "mask_downsampler_hidden_act": "gelu",
    "memory_fuser_hidden_act": "gelu",
    "max_cond_frame_num": -1,
    "multimask_output_in_sam": True,
    "enable_temporal_pos_encoding_for_object_pointers": True,
    "enable_occlusion_spatial_embedding": True,
}
"""Values that sam2's modules or Masklet's memory bank have built in."""

_COUNTS: Mapping[str, int] = {
    "vision_config.fpn_hidden_size": 256,
    "num_maskmem": 7,
    "max_object_pointers_in_encoder": 16,
    "multimask_max_pt_num": 1,
    "memory_attention_num_layers": 2,
    "memory_attention_num_attention_heads": 1,
    "memory_attention_downsample_rate": 1,
    "memory_attention_mlp_hidden_size": 2048,
    "memory_encoder_output_channels": 64,
    "memory_fuser_num_layers": 2,
    "memory_fuser_kernel_size": 7,
    "memory_fuser_padding": 3,
    "perceiver_resampler_num_latents": 256,
    "perceiver_resampler_num_latents_2d": 256,
    "perceiver_resampler_mlp_intermediate_size": 256,
    "perceiver_resampler_num_attention_heads": 1,
    "perceiver_resampler_num_layers": 2,
}
"""Positive integers, with EdgeTAM's values."""
_MOST = 65_536


@dataclass(frozen=True, slots=True)
class TrackerConfig:
    """What a model is built from. counts: the keys of _COUNTS. numbers: scales and thresholds, by key.

    image_size: of the training, in pixels. architecture: of the image encoder, by timm's name. channels: of the image
    encoder's maps, coarsest first. top_down: the levels of the neck that get the sum of the coarser ones.
    """

    file: Path
    image_size: int
    architecture: str
    channels: tuple[int, ...]
    top_down: tuple[int, ...]
    counts: Mapping[str, int]
    numbers: Mapping[str, float]
    multimask_for_tracking: bool
    chooses_by_stability: bool

    @property
    def latent_side(self) -> int:
        """The side of the square of a memory's latents that have a position."""
        return math.isqrt(self.counts["perceiver_resampler_num_latents_2d"])

    @property
    def image_size_step(self) -> int:
        """Image sizes are multiples: each latent of the square has as many pixels of the coarse map as the others."""
        return STRIDE * self.latent_side


def read_config(path: Path) -> TrackerConfig:
    """The config in a `config.json`. Raises ModelError that names the file and the fault."""
    values = _values(path)
    if values.get("model_type") != MODEL_TYPE:
        raise ModelError(f"{path} is of a model of type {values.get('model_type')!r}; Masklet needs {MODEL_TYPE!r}")
    reader = _Reader(path, values)
    for key, expected in _FIXED.items():
        reader.require(key, expected)
    counts = {key: reader.count(key, default) for key, default in _COUNTS.items()}
    hidden, width = counts["vision_config.fpn_hidden_size"], counts["memory_encoder_output_channels"]
    heads = counts["perceiver_resampler_num_attention_heads"]
    side = math.isqrt(counts["perceiver_resampler_num_latents_2d"])
    for key, default, expected in (
        ("prompt_encoder_config.hidden_size", 256, hidden),
        ("mask_decoder_config.hidden_size", 256, hidden),
        ("memory_attention_hidden_size", 256, hidden),
        ("memory_encoder_hidden_size", 256, hidden),
        ("mask_downsampler_embed_dim", 256, hidden),
        ("memory_fuser_embed_dim", 256, hidden),
        ("memory_fuser_intermediate_dim", 1024, 4 * hidden),
        ("perceiver_resampler_hidden_size", 64, width),
        ("perceiver_resampler_attention_head_dim", 64, width // heads),
        ("perceiver_resampler_num_latents_2d", 256, side**2),
        ("memory_attention_rope_k_sizes", [16, 16], [side, side]),
    ):
        reader.require(key, expected, default=default)
    return TrackerConfig(
        file=path,
        image_size=reader.side("image_size", 1024),
        architecture=reader.architecture(),
        channels=reader.counts("vision_config.backbone_channel_list", (384, 192, 96, 48)),
        top_down=reader.counts("vision_config.fpn_top_down_levels", (2, 3)),
        counts=counts,
        numbers={
            "rope_theta": reader.number(
                "rope_parameters.rope_theta", reader.number("memory_attention_rope_theta", 1e4)
            ),
            "sigmoid_scale_for_mem_enc": reader.number("sigmoid_scale_for_mem_enc", 20.0),
            "sigmoid_bias_for_mem_enc": reader.number("sigmoid_bias_for_mem_enc", -10.0),
            "multimask_min_pt_num": reader.number("multimask_min_pt_num", 0),
            "stability_delta": reader.number("mask_decoder_config.dynamic_multimask_stability_delta", 0.05),
            "stability_threshold": reader.number("mask_decoder_config.dynamic_multimask_stability_thresh", 0.98),
        },
        multimask_for_tracking=reader.flag("multimask_output_for_tracking"),
        chooses_by_stability=reader.flag("mask_decoder_config.dynamic_multimask_via_stability"),
    )


class _Reader:
    """Values by dotted key, each with a default. Every method raises ModelError for a value it cannot take."""

    def __init__(self, path: Path, values: Mapping[str, object]) -> None:
        self._path, self._values = path, values

    def require(self, key: str, expected: object, *, default: object = None) -> None:
        given = self._value(key, expected if default is None else default)
        if given != expected:
            raise self._refused(key, given, f"Masklet runs {expected!r}")

    def count(self, key: str, default: int) -> int:
        return self._counted(key, self._value(key, default), least=1)

    def counts(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        given = self._value(key, list(default))
        if not isinstance(given, list) or not 1 <= len(given) <= 4:
            raise self._refused(key, given, "it is a list of integers")
        return tuple(self._counted(key, each, least=0) for each in given)

    def side(self, key: str, default: int) -> int:
        """The side of a square; also given as a pair."""
        given = self._value(key, default)
        if isinstance(given, list) and len(given) == 2 and given[0] == given[1]:
            given = given[0]
        return self._counted(key, given, least=STRIDE)

    def number(self, key: str, default: float) -> float:
        given = self._value(key, default)
        if not isinstance(given, int | float) or isinstance(given, bool) or not math.isfinite(given):
            raise self._refused(key, given, "it is a number")
        return float(given)

    def flag(self, key: str) -> bool:
        given = self._value(key, True)
        if not isinstance(given, bool):
            raise self._refused(key, given, "it is true or false")
        return given

    def architecture(self) -> str:
        key = "vision_config.backbone_config.architecture"
        given = self._value(key, "repvit_m1")
        if not isinstance(given, str) or not _ARCHITECTURE.fullmatch(given):
            raise self._refused(key, given, "Masklet runs timm's repvit")
        return given

    def _counted(self, key: str, given: object, *, least: int) -> int:
        if not isinstance(given, int) or isinstance(given, bool) or not least <= given <= _MOST:
            raise self._refused(key, given, f"it is an integer from {least} to {_MOST}")
        return given

    def _value(self, key: str, default: object) -> object:
        found: object = self._values
        for part in key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return default if found is None else found

    def _refused(self, key: str, given: object, wanted: str) -> ModelError:
        return ModelError(f"{self._path} sets {key} to {given!r}: {wanted}")


def _values(path: Path) -> Mapping[str, object]:
    try:
        values = read_json(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ModelError(f"{path} is no model's config: {error}") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path} is no model's config: it is no JSON object")
    return values
