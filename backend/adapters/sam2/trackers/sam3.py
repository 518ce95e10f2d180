"""SAM 3's tracker: transformers' image encoder in the place of sam2's, and what sam2's model does otherwise.

The reference is transformers' `Sam3TrackerVideoModel`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import cast

import torch
import torch.nn.functional as F
from sam2.modeling.position_encoding import PositionEmbeddingSine
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from backend.adapters.sam2.model.tensors import MEAN, STD
from backend.adapters.sam2.trackers.config import Sam3Config
from backend.adapters.sam2.trackers.image_encoder_package import SAM3, require_package
from backend.domain.errors import ModelError

LEVELS = 3
"""The feature maps that the tracker reads; a coarser one is for the detector."""
_CENTRE, _SPREAD = 0.5, 0.5
"""The mean and the deviation by which SAM 3's pictures are normalised, of values from 0 to 1."""


class Sam3Base(SAM2Base):  # type: ignore[misc]  # sam2 has no types
    """sam2's model over feature maps whose stride is not the one of masks."""

    def _use_mask_as_output(
        self, backbone_features: Tensor, high_res_features: Sequence[Tensor] | None, mask_inputs: Tensor
    ) -> tuple[Tensor, ...]:
        """sam2's, with mask logits of four pixels a pixel of the coarse map; sam2 takes a quarter of the image."""
        outputs = super()._use_mask_as_output(backbone_features, high_res_features, mask_inputs)
        masks, more_masks, ious, _, at_image_size, pointer, presence = outputs
        size = self.sam_prompt_encoder.mask_input_size
        small = F.interpolate(at_image_size, size=size, align_corners=False, mode="bilinear", antialias=True)
        return masks, more_masks, ious, small, at_image_size, pointer, presence


class Sam3Trunk(nn.Module):
    """The image encoder with its neck. channel_list: of its maps, coarsest first."""

    def __init__(self, config: Sam3Config) -> None:
        """Random weights. Raises ModelError without transformers, or for a config that it does not take."""
        super().__init__()
        require_package(SAM3)
        import transformers
        from huggingface_hub.errors import StrictDataclassError

        try:
            vision = transformers.Sam3VisionConfig(**cast(dict[str, object], dict(config.vision)))
            vision.backbone_config.image_size = config.image_size
            self.vision = transformers.Sam3VisionModel(vision)
        except (StrictDataclassError, TypeError, ValueError, AttributeError, KeyError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"{config.file} has a vision_config that transformers does not take: {reason}") from error
        self.vision.neck.fpn_layers = self.vision.neck.fpn_layers[:LEVELS]
        self.channel_list = [config.width] * LEVELS
        self.software: Mapping[str, str] = {"transformers version": str(transformers.__version__)}
        mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        self._scale = nn.Buffer(deviation / _SPREAD, persistent=False)
        self._shift = nn.Buffer((mean - _CENTRE) / _SPREAD, persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images [B, 3, S, S], normalised as SAM 2's, to maps [B, D, 4g, 4g], [B, D, 2g, 2g], [B, D, g, g], g = S / 14.

        The maps are those of transformers for the same picture.
        """
        grid = images.size(-1) // int(self.vision.config.backbone_config.patch_size)
        tokens = self.vision.backbone(images * self._scale + self._shift).last_hidden_state
        coarse = torch.unflatten(tokens.transpose(1, 2), 2, (grid, grid))
        return [layer(coarse) for layer in self.vision.neck.fpn_layers]

    def resize(self, image_size: int) -> None:
        """Changes the image size, in place: the places of the layers that attend the whole map depend on it."""
        config = self.vision.config.backbone_config
        config.image_size = image_size
        for layer in self.vision.backbone.layers:
            places = layer.precompute_positions(config, layer.window_size)
            layer.position_ids = places.to(layer.position_ids.device)


class Sam3ImageEncoder(nn.Module):
    """The trunk in the form of sam2's image encoder: with a neck that changes nothing and loses no level."""

    def __init__(self, config: Sam3Config) -> None:
        super().__init__()
        self.trunk = Sam3Trunk(config)
        self.scalp = 0
        self.neck = SimpleNamespace(
            d_model=config.width,
            position_encoding=PositionEmbeddingSine(config.width, normalize=True, warmup_cache=False),
            convs=[SimpleNamespace(conv=nn.Identity()) for _ in range(LEVELS)],
            fpn_top_down_levels=(),
        )
