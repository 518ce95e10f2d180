"""SAM 2's image encoder without its unused outputs, or another tracker's. Uses private parts of sam2.

The trunk is sam2's. sam2's neck computes position encodings of every level for every frame; one of them is used, and it
is constant.
"""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from backend.adapters.sam2.runtime.exact_layers import pointwise


class ImageEncoder:
    """Computes the coarsest used level, and the two finer ones if the decoder uses them."""

    def __init__(self, model: SAM2Base, *, packed: bool = True) -> None:
        """packed: use layers with weights packed for the CPU, which torch's compiler does not know."""
        self._trunk = model.image_encoder.trunk
        self._neck = model.image_encoder.neck
        lateral: list[nn.Module] = [convolution.conv for convolution in self._neck.convs][::-1]
        decoder = model.sam_mask_decoder
        self._narrowing = (decoder.conv_s0, decoder.conv_s1) if model.use_high_res_features_in_sam else ()
        self._coarse_level = len(lateral) - int(model.image_encoder.scalp) - 1
        finest = int(model.image_size) // 4
        self._lateral = lateral
        if packed:
            self._lateral = [
                pointwise(layer, side=finest >> level) if isinstance(layer, nn.Conv2d) else layer
                for level, layer in enumerate(lateral)
            ]

    def encode(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images [B, 3, S, S] float32 to feature maps [B, C, h, w], finest first."""
        maps = self._trunk(images)
        fine = [narrow(self._lateral[level](maps[level])) for level, narrow in enumerate(self._narrowing)]
        return (*fine, self._coarse(maps))

    def _coarse(self, maps: list[Tensor]) -> Tensor:
        """The coarsest used level, with the top-down sum of the coarser ones."""
        top = len(maps) - 1
        above = self._lateral[top](maps[top])
        for level in range(top - 1, self._coarse_level - 1, -1):
            lateral = self._lateral[level](maps[level])
            if level in self._neck.fpn_top_down_levels:
                lateral = lateral + self._upsampled(above)
                if self._neck.fuse_type == "avg":
                    lateral = lateral / 2
            above = lateral
        return cast(Tensor, above)

    def _upsampled(self, above: Tensor) -> Tensor:
        mode = self._neck.fpn_interp_model
        corners = None if mode == "nearest" else False
        return F.interpolate(above.float(), scale_factor=2.0, mode=mode, align_corners=corners)
