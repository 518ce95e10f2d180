"""An image trunk of depthwise convolutions: EfficientNet-Lite0 (Tan and Le, 2019) without its classifier.

Weights have the batch normalisations folded in: a convolution with a bias each. Of sam2's trunks it has the interface:
images to four maps at strides 4, 8, 16 and 32, and `channel_list`, coarsest first.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.training.rollout import MEAN, STD

STEM_CHANNELS = 32
STAGES: Sequence[tuple[int, int, int, int, int]] = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
"""Expansion, kernel, stride, channels and blocks of each stage."""

LEVELS = (1, 2, 4, 6)
"""The stages whose outputs are the maps at strides 4, 8, 16 and 32."""

TRUNK_MEAN, TRUNK_STD = 127.0, 128.0
"""The normalisation that the trunk was trained with; values of a pixel are from 0 to 255."""


class SameConv(nn.Conv2d):
    """A convolution that pads as TensorFlow does: where a stride leaves one line over, at the end."""

    def forward(self, maps: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            return F.conv2d(maps, self.weight, self.bias, padding=kernel // 2, groups=self.groups)
        pads = []
        for side in (maps.shape[3], maps.shape[2]):
            over = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [over // 2, over - over // 2]
        return F.conv2d(F.pad(maps, pads), self.weight, self.bias, stride=stride, groups=self.groups)


class Block(nn.Module):
    """An inverted residual: widen, filter each channel, narrow."""

    def __init__(self, channels: int, out: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.widen = SameConv(channels, wide, 1) if expansion > 1 else None
        self.filter = SameConv(wide, wide, kernel, stride, groups=wide)
        self.narrow = SameConv(wide, out, 1)
        self.is_residual = stride == 1 and channels == out

    def forward(self, maps: Tensor) -> Tensor:
        wide = maps if self.widen is None else F.relu6(self.widen(maps))
        out: Tensor = self.narrow(F.relu6(self.filter(wide)))
        return maps + out if self.is_residual else out


class EfficientTrunk(nn.Module):
    """Images [B, 3, S, S], normalised as sam2 does, to maps [B, C, S / stride, S / stride]. S: a multiple of 32."""

    scale: Tensor
    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        mean, std = torch.tensor(MEAN), torch.tensor(STD)
        self.register_buffer("scale", (std * 255 / TRUNK_STD).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", ((mean * 255 - TRUNK_MEAN) / TRUNK_STD).view(1, 3, 1, 1), persistent=False)
        self.stem = SameConv(3, STEM_CHANNELS, 3, 2)
        stages, channels = [], STEM_CHANNELS
        for expansion, kernel, stride, out, count in STAGES:
            blocks = []
            for number in range(count):
                blocks.append(Block(channels, out, expansion, kernel, stride if number == 0 else 1))
                channels = out
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.channel_list = [STAGES[level][3] for level in reversed(LEVELS)]
        # Convolutions of few channels a group are faster with the channels last.
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> list[Tensor]:
        normalised = (images * self.scale + self.shift).contiguous(memory_format=torch.channels_last)
        maps = F.relu6(self.stem(normalised))
        found = []
        for number, stage in enumerate(self.stages):
            maps = stage(maps)
            if number in LEVELS:
                found.append(maps)
        return found
