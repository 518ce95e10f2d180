"""EdgeTAM's compression of a memory: fewer tokens than the feature map has pixels.

Two kinds of tokens, called latents, read the memory by cross-attention, with the same layers. Plain latents read the
whole map and have no position. Placed latents form a square; each reads its own window of the map, and keeps the
window's position. The reference is `EdgeTamVideoPerceiverResampler` of transformers, whose weight names these are.
"""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SpatialPerceiver(nn.Module):
    """width: channels of a memory, M. plain, placed: counts of latents; `placed` is a square.

    Tensors are float32 or bfloat16, by the model's precision.
    """

    def __init__(self, *, width: int, plain: int, placed: int, depth: int, heads: int, mlp_width: int) -> None:
        super().__init__()
        self.latents_1d = nn.Parameter(torch.zeros(plain, width))
        self.latents_2d = nn.Parameter(torch.zeros(placed, width))
        self.layers = nn.ModuleList(PerceiverLayer(width, heads, mlp_width) for _ in range(depth))
        self.layer_norm = nn.LayerNorm(width)

    @property
    def plain(self) -> int:
        """The count of latents without a position: the first ones of a memory."""
        return int(self.latents_1d.size(0))

    @property
    def side(self) -> int:
        """The side of the square of latents with a position."""
        return math.isqrt(int(self.latents_2d.size(0)))

    def forward(self, features: Tensor, positions: Tensor) -> Tensor:
        """Memories [B, M, h, w] to latents [B, N, M], the plain ones first, then the square row by row.

        positions: [1, M, h, w], of the map. h = w, a multiple of `side`.
        """
        batch, width = features.shape[:2]
        plain = self.latents_1d.expand(batch, -1, -1)
        tokens, places = (feature_map.flatten(2).transpose(1, 2) for feature_map in (features, positions))
        placed = self.latents_2d.expand(batch, -1, -1).reshape(-1, 1, width)
        windows = self._windows(features)
        for layer in self.layers:
            plain = layer(plain, tokens, places)
            placed = layer(placed, windows)
        return cast(Tensor, self.layer_norm(torch.cat([plain, placed.reshape(batch, -1, width)], dim=1)))

    def _windows(self, features: Tensor) -> Tensor:
        """[B, M, h, w] to [B * side * side, pixels of a window, M]."""
        # [B, M, rows, height, columns, width]
        split = torch.unflatten(torch.unflatten(features, 3, (self.side, -1)), 2, (self.side, -1))
        return split.permute(0, 2, 4, 3, 5, 1).flatten(3, 4).flatten(0, 2)


class PerceiverLayer(nn.Module):
    """Cross-attention to a memory, then self-attention, each followed by an MLP. Shapes as in `forward`."""

    def __init__(self, width: int, heads: int, mlp_width: int) -> None:
        super().__init__()
        self.cross_attention = _Attention(width, heads)
        self.mlp = _Mlp(width, mlp_width)
        self.self_attention = _Attention(width, heads)
        self.self_mlp = _Mlp(width, mlp_width)
        self.layer_norm_input = nn.LayerNorm(width)
        self.layer_norm_latents = nn.LayerNorm(width)
        self.layer_norm_self = nn.LayerNorm(width)

    def forward(self, latents: Tensor, tokens: Tensor, places: Tensor | None = None) -> Tensor:
        """Latents [B, N, M] after reading tokens [B, K, M]. places: positions [1, K, M], or None."""
        read = self.cross_attention(self.layer_norm_latents(latents), self.layer_norm_input(tokens), places)
        latents = latents + read
        latents = latents + self.mlp(latents)
        normed = self.layer_norm_self(latents)
        latents = latents + self.self_attention(normed, normed)
        return cast(Tensor, latents + self.self_mlp(latents))


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, latents: Tensor, tokens: Tensor, places: Tensor | None = None) -> Tensor:
        """Positions are added to keys and to values."""
        queries, keys, values = self.q_proj(latents), self.k_proj(tokens), self.v_proj(tokens)
        if places is not None:
            keys, values = keys + places, values + places
        mixed = F.scaled_dot_product_attention(self._split(queries), self._split(keys), self._split(values))
        return cast(Tensor, self.o_proj(mixed.transpose(1, 2).flatten(2)))

    def _split(self, tokens: Tensor) -> Tensor:
        """[B, N, M] to [B, heads, N, M / heads]."""
        return torch.unflatten(tokens, 2, (self._heads, -1)).transpose(1, 2)


class _Mlp(nn.Module):
    def __init__(self, width: int, mlp_width: int) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(width)
        self.up_proj = nn.Linear(width, mlp_width, bias=False)
        self.down_proj = nn.Linear(mlp_width, width, bias=False)

    def forward(self, latents: Tensor) -> Tensor:
        return cast(Tensor, self.down_proj(F.gelu(self.up_proj(self.layer_norm(latents)))))
