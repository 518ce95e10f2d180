"""SAM 2's memory encoder: a frame's features and masks to memories. Uses private parts of sam2."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from backend.adapters.sam2.model.memory_layout import map_positions, perceiver_of

_MASK_STRIDE = 16
"""Pixels of an encoded mask, a pixel of the coarse feature map, in each direction."""


class MemoryEncoder:
    """side: of the coarse feature map. rounds_by_batch: see Decoder."""

    def __init__(self, model: SAM2Base, *, side: int, rounds_by_batch: bool) -> None:
        self._model = model
        self._side = side
        self._rounds_by_batch = rounds_by_batch
        self._perceiver = perceiver_of(model)
        self._positions = map_positions(model.memory_encoder.position_encoding, side, model.device)

    def tracked(self, coarse: Tensor, logits: Tensor, presence: Tensor, *, candidates: int) -> tuple[Tensor]:
        """Memories [B, N, M] of a frame [1, D, h, w] and B objects' gated mask logits [B, 1, h, w] float32.

        In bfloat16, as sam2 stores them on every device; in float32 where the model compresses them, as transformers
        does.
        presence: [B, 1] float32 logits. candidates: the count of candidates that the logits were chosen from.
        """
        # The reference upscales all candidates and then chooses. On a CPU three channels are interpolated by another
        # kernel than one.
        channels = max(candidates, 1) if self._rounds_by_batch else 1
        return self._encoded(coarse, self._at_image_size(logits, channels).sigmoid(), presence)

    def prompted(self, coarse: Tensor, logits: Tensor, presence: Tensor) -> tuple[Tensor]:
        """Memories [B, N, M] of a prompted frame; the mask is binarised. Shapes and dtype as in `tracked`."""
        masks = self._at_image_size(logits, 1)
        is_binary = self._model.binarize_mask_from_pts_for_mem_enc
        return self._encoded(coarse, (masks > 0).float() if is_binary else masks.sigmoid(), presence)

    def _encoded(self, coarse: Tensor, masks: Tensor, presence: Tensor) -> tuple[Tensor]:
        model = self._model
        encoder = model.memory_encoder
        masks = masks * model.sigmoid_scale_for_mem_enc + model.sigmoid_bias_for_mem_enc
        # The reference's memory layout, because kernels round by layout.
        coarse = torch.unflatten(coarse.expand(len(masks), -1, -1, -1).flatten(2), 2, (self._side, self._side))
        features = encoder.pix_feat_proj(coarse) + encoder.mask_downsampler(masks)
        features = encoder.out_proj(encoder.fuser(features))
        if model.no_obj_embed_spatial is not None:
            absent = (presence <= 0).float()[..., None, None]
            features = features + absent * model.no_obj_embed_spatial[..., None, None]
        if self._perceiver is not None:
            return (self._perceiver(features, self._positions).float(),)
        return (features.flatten(2).transpose(1, 2).to(torch.bfloat16),)

    def _at_image_size(self, logits: Tensor, channels: int) -> Tensor:
        """Mask logits [B, 1, S, S], interpolated as one of `channels` channels.

        S: the image size, or for SAM 3 what the mask encoder reduces to the side of the feature map.
        """
        size = (int(self._model.image_size),) * 2
        repeated = logits.expand(-1, channels, -1, -1)
        masks = F.interpolate(repeated, size=size, mode="bilinear", align_corners=False)[:, :1]
        encoded_size = (self._side * _MASK_STRIDE,) * 2
        if size == encoded_size:
            return masks
        return F.interpolate(masks, size=encoded_size, mode="bilinear", align_corners=False, antialias=True)
