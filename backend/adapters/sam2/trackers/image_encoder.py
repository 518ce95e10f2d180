"""EdgeTAM's image encoder: timm's RepViT. timm is a part of the extra `trackers`, imported here alone."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from backend.adapters.sam2.trackers.image_encoder_package import EDGETAM, require_package
from backend.domain.errors import ModelError


class RepVitTrunk(nn.Module):
    """A RepViT in the place of sam2's Hiera. channel_list: of its maps, coarsest first."""

    def __init__(self, architecture: str, channels: tuple[int, ...]) -> None:
        """architecture: timm's name. Raises ModelError without timm, or for other channels than the config's."""
        super().__init__()
        require_package(EDGETAM)
        import timm

        try:
            self.net = timm.create_model(
                architecture, pretrained=False, features_only=True, in_chans=3, out_indices=(0, 1, 2, 3)
            )
        except RuntimeError as error:
            raise ModelError(f"timm {timm.__version__} has no image encoder {architecture!r}") from error
        self.channel_list = [int(count) for count in self.net.feature_info.channels()[::-1]]
        if tuple(self.channel_list) != channels:
            raise ModelError(
                f"{architecture} has maps of {self.channel_list} channels, not {list(channels)} as the config says"
            )
        self.software: Mapping[str, str] = {"timm version": str(timm.__version__)}

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images [B, 3, S, S] to maps [B, C, S/4, S/4], then half of the side each: S/8, S/16, S/32."""
        return list(self.net(images))

    def fuse(self) -> None:
        """Joins each convolution with its normalisation, and parallel ones with each other. In place; evaluation only.

        The sums are the same in exact arithmetic; the last bits differ. The weights then have their channels last in
        memory, and the maps too: in bfloat16 on a CPU half of the time was copies between layouts.
        """
        from timm.utils.model import reparameterize_model

        with torch.no_grad():
            self.net = reparameterize_model(self.net).to(memory_format=torch.channels_last)
