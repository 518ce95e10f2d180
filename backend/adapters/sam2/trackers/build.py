"""Trackers as a SAM2Base: sam2's modules with another image encoder, for EdgeTAM also with memories of fewer tokens.

EdgeTAM and SAM 3's tracker have SAM 2's structure, so that the engine runs them as it runs SAM 2. The references are
transformers' `EdgeTamVideoModel` and `Sam3TrackerVideoModel`. They differ from sam2's code in one place: they make the
pointer of a mask prompt from the best of three candidates, sam2 makes it from the one candidate. Masklet does as sam2
does.
"""

from __future__ import annotations

from collections.abc import Mapping

from sam2.modeling.backbones.image_encoder import FpnNeck, ImageEncoder
from sam2.modeling.memory_attention import MemoryAttention, MemoryAttentionLayer
from sam2.modeling.memory_encoder import CXBlock, Fuser, MaskDownSampler, MemoryEncoder
from sam2.modeling.position_encoding import PositionEmbeddingSine
from sam2.modeling.sam.transformer import RoPEAttention
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from backend.adapters.sam2.trackers.config import MASK_STRIDE, EdgeTamConfig, Sam3Config, TrackerConfig
from backend.adapters.sam2.trackers.image_encoder import RepVitTrunk
from backend.adapters.sam2.trackers.names import sam2_weights
from backend.adapters.sam2.trackers.perceiver import SpatialPerceiver
from backend.adapters.sam2.trackers.sam3 import Sam3Base, Sam3ImageEncoder
from backend.domain.errors import ModelError


def build_tracker(config: EdgeTamConfig | Sam3Config) -> SAM2Base:
    """A model with random weights, on the CPU. Raises ModelError without the package of its image encoder."""
    if isinstance(config, Sam3Config):
        return _build(Sam3Base, Sam3ImageEncoder(config), config)
    model = _build(SAM2Base, _repvit_encoder(config), config)
    counts = config.counts
    model.spatial_perceiver = SpatialPerceiver(
        width=config.memory_width,
        plain=counts["perceiver_resampler_num_latents"],
        placed=counts["perceiver_resampler_num_latents_2d"],
        depth=counts["perceiver_resampler_num_layers"],
        heads=counts["perceiver_resampler_num_attention_heads"],
        mlp_width=counts["perceiver_resampler_mlp_intermediate_size"],
    )
    return model


def _build(kind: type[SAM2Base], image_encoder: nn.Module, config: TrackerConfig) -> SAM2Base:
    counts, numbers = config.counts, config.numbers
    return kind(
        image_encoder=image_encoder,
        memory_attention=_memory_attention(config),
        memory_encoder=_memory_encoder(config),
        num_maskmem=counts["num_maskmem"],
        image_size=config.image_size,
        backbone_stride=config.stride,
        max_cond_frames_in_attn=config.max_prompted or -1,
        sigmoid_scale_for_mem_enc=numbers["sigmoid_scale_for_mem_enc"],
        sigmoid_bias_for_mem_enc=numbers["sigmoid_bias_for_mem_enc"],
        binarize_mask_from_pts_for_mem_enc=True,
        use_mask_input_as_output_without_sam=True,
        directly_add_no_mem_embed=True,
        use_high_res_features_in_sam=True,
        multimask_output_in_sam=True,
        multimask_min_pt_num=int(numbers["multimask_min_pt_num"]),
        multimask_max_pt_num=counts["multimask_max_pt_num"],
        multimask_output_for_tracking=config.multimask_for_tracking,
        use_multimask_token_for_obj_ptr=True,
        iou_prediction_use_sigmoid=True,
        use_obj_ptrs_in_encoder=True,
        max_obj_ptrs_in_encoder=counts["max_object_pointers_in_encoder"],
        proj_tpos_enc_in_obj_ptrs=True,
        use_signed_tpos_enc_to_obj_ptrs=True,
        only_obj_ptrs_in_the_past_for_eval=True,
        pred_obj_scores=True,
        pred_obj_scores_mlp=True,
        fixed_no_obj_ptr=True,
        use_mlp_for_obj_ptr_proj=True,
        no_obj_embed_spatial=True,
        sam_mask_decoder_extra_args={
            "dynamic_multimask_via_stability": config.chooses_by_stability,
            "dynamic_multimask_stability_delta": numbers["stability_delta"],
            "dynamic_multimask_stability_thresh": numbers["stability_threshold"],
        },
    )


def take_weights(model: SAM2Base, weights: Mapping[str, Tensor], file: str) -> None:
    """Copies weights with transformers' names into a model, and fuses EdgeTAM's image encoder: in place.

    file: for messages. Raises ModelError that names the file and the first weight that does not fit.
    """
    given = sam2_weights(weights, file)
    expected: Mapping[str, Tensor] = model.state_dict()
    for name, tensor in expected.items():
        if name not in given:
            raise ModelError(f"{file} does not fit its config.json: it has no weight for {name}")
        stored, found = given[name]
        if found.shape != tensor.shape:
            raise ModelError(
                f"{file} does not fit its config.json: {stored} has the shape {tuple(found.shape)}, "
                f"which the model has as {tuple(tensor.shape)}"
            )
    unknown = next((given[name][0] for name in given if name not in expected), None)
    if unknown is not None:
        raise ModelError(f"{file} does not fit its config.json: the model has no weight {unknown}")
    model.load_state_dict({name: tensor for name, (_, tensor) in given.items()})
    model.eval()
    if isinstance(model.image_encoder.trunk, RepVitTrunk):
        model.image_encoder.trunk.fuse()


def _repvit_encoder(config: EdgeTamConfig) -> ImageEncoder:
    width = config.width
    neck = FpnNeck(
        position_encoding=PositionEmbeddingSine(width, normalize=True, warmup_cache=False),
        d_model=width,
        backbone_channel_list=list(config.channels),
        fpn_top_down_levels=list(config.top_down),
        fpn_interp_model="nearest",
    )
    return ImageEncoder(trunk=RepVitTrunk(config.architecture, config.channels), neck=neck, scalp=1)


def _memory_attention(config: TrackerConfig) -> MemoryAttention:
    counts, width = config.counts, config.width
    side = config.image_size // config.stride
    rotary = {
        "rope_theta": config.numbers["rope_theta"],
        "feat_sizes": (side, side),
        "embedding_dim": width,
        "num_heads": counts["memory_attention_num_attention_heads"],
        "downsample_rate": counts["memory_attention_downsample_rate"],
        "dropout": 0.0,
    }
    layer = MemoryAttentionLayer(
        activation="relu",
        cross_attention=RoPEAttention(rope_k_repeat=True, kv_in_dim=config.memory_width, **rotary),
        d_model=width,
        dim_feedforward=config.feed_forward,
        dropout=0.0,
        pos_enc_at_attn=False,
        pos_enc_at_cross_attn_keys=True,
        pos_enc_at_cross_attn_queries=False,
        self_attention=RoPEAttention(**rotary),
    )
    return MemoryAttention(
        d_model=width, pos_enc_at_input=True, layer=layer, num_layers=counts["memory_attention_num_layers"]
    )


def _memory_encoder(config: TrackerConfig) -> MemoryEncoder:
    counts, width = config.counts, config.width
    block = CXBlock(
        dim=width,
        kernel_size=counts["memory_fuser_kernel_size"],
        padding=counts["memory_fuser_padding"],
        layer_scale_init_value=1e-6,
    )
    return MemoryEncoder(
        out_dim=config.memory_width,
        mask_downsampler=MaskDownSampler(embed_dim=width, kernel_size=3, stride=2, padding=1, total_stride=MASK_STRIDE),
        fuser=Fuser(block, num_layers=counts["memory_fuser_num_layers"]),
        position_encoding=PositionEmbeddingSine(config.memory_width, normalize=True, warmup_cache=False),
        in_dim=width,
    )
