"""SAM 2's image encoder without what nobody reads. Private parts of sam2.

The trunk is sam2's. Its neck makes position encodings of every level for every frame, of which one is read and never
changes.
"""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from backend.adapters.sam2.runtime.exact_layers import pointwise


class ImageEncoder:
    """The coarsest level that is read, and before it, if the decoder reads them, the two finer ones."""

    def __init__(self, model: SAM2Base, *, packed: bool = True) -> None:
        """packed: take layers whose weights are laid out for the CPU, which torch's compiler does not know."""
        self._trunk = model.image_encoder.trunk
        self._neck = model.image_encoder.neck
        lateral: list[nn.Conv2d] = [convolution.conv for convolution in self._neck.convs][::-1]
        decoder = model.sam_mask_decoder
        self._narrowing = (decoder.conv_s0, decoder.conv_s1) if model.use_high_res_features_in_sam else ()
        self._coarse_level = len(lateral) - int(model.image_encoder.scalp) - 1
        finest = int(model.image_size) // 4
        self._lateral: list[nn.Module] = list(lateral)
        if packed:
            self._lateral = [pointwise(layer, side=finest >> level) for level, layer in enumerate(lateral)]

    def encode(self, images: Tensor) -> tuple[Tensor, ...]:
        """[B, 3, S, S] to feature maps [B, C, h, w], finest first."""
        maps = self._trunk(images)
        fine = [narrow(self._lateral[level](maps[level])) for level, narrow in enumerate(self._narrowing)]
        return (*fine, self._coarse(maps))

    def _coarse(self, maps: list[Tensor]) -> Tensor:
        """The coarsest level read, with what the coarser ones hand down to it."""
        top = len(maps) - 1
        above = self._lateral[top](maps[top])
        for level in range(top - 1, self._coarse_level - 1, -1):
            lateral = self._lateral[level](maps[level])
            if level in self._neck.fpn_top_down_levels:
                lateral = lateral + self._handed_down(above)
                if self._neck.fuse_type == "avg":
                    lateral = lateral / 2
            above = lateral
        return cast(Tensor, above)

    def _handed_down(self, above: Tensor) -> Tensor:
        mode = self._neck.fpn_interp_model
        corners = None if mode == "nearest" else False
        return F.interpolate(above.float(), scale_factor=2.0, mode=mode, align_corners=corners)
