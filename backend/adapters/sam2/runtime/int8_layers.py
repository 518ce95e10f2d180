"""Linear layers in 8-bit integers, for the image encoder on a CPU. Not exact: masks differ from SAM 2's own.

Weights are quantised once, each output channel with a scale of its own; activations at each call, with one scale for
the whole tensor. The tensor is therefore one frame: the features of a frame do not depend on its neighbours.

torch announces that it removes its quantised tensors in a later release, and has no other kernel yet that takes 8-bit
weights and float32 activations. A torch without them is refused.
"""

from __future__ import annotations

import warnings
from typing import cast

import torch
from torch import Tensor, nn

from backend.domain.errors import ModelError

_LARGEST = 127.0
"""Of a signed 8-bit integer, both ways."""


def quantize_linear_layers(parent: nn.Module) -> None:
    """Replaces all linear layers below a module, in place. Raises ModelError where torch has no 8-bit kernels."""
    if torch.backends.quantized.engine == "none" or not hasattr(torch, "quantize_per_channel"):
        raise ModelError("this torch has no kernels for 8-bit integers: set MASKLET_PRECISION to float32")
    for name, child in parent.named_children():
        if isinstance(child, nn.Linear):
            setattr(parent, name, Int8Linear(child))
        else:
            quantize_linear_layers(child)


class Int8Linear(nn.Module):
    """A linear layer with 8-bit weights and activations, [..., K] to [..., N], float32 in and out."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        weight = layer.weight.detach().float()
        scales = weight.abs().amax(dim=1).clamp(min=1e-12).double() / _LARGEST
        zeros = torch.zeros(len(scales), dtype=torch.long)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*deprecated", category=UserWarning)
            quantized = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        bias = None if layer.bias is None else layer.bias.detach().float()
        self._packed: object = torch.ops.quantized.linear_prepack(quantized, bias)

    def forward(self, x: Tensor) -> Tensor:
        # Kernels for AVX2 add in 16 bits: a reduced range keeps the sums from overflowing.
        return cast(Tensor, torch.ops.quantized.linear_dynamic(x.contiguous(), self._packed, reduce_range=True))
