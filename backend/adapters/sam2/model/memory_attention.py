"""Memory attention over objects whose memories have one shape. Uses private parts of sam2.

The same sums as sam2's MemoryAttention and RoPEAttention. Computes constant parts once: the rotation tables, and once
per frame the first layer's self-attention, which does not depend on memory and is shared by all objects.

Tokens are rotated as complex numbers, as in sam2, or with the same sums in real numbers, which compilers can fuse.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from sam2.modeling.memory_attention import MemoryAttentionLayer
from sam2.modeling.sam.transformer import RoPEAttention
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from backend.adapters.sam2.model.memory_layout import MemoryLayout
from backend.domain.errors import ModelError


class MemoryAttention:
    """side: of the coarse feature map, HW = side * side tokens. positions: of the map, [1, D, side, side] float32.
    layout: of a memory. in_reals: rotates without complex numbers.

    Tensors without a stated dtype are float32 or bfloat16, by the model's precision.
    """

    def __init__(
        self, model: SAM2Base, side: int, positions: Tensor, layout: MemoryLayout, *, in_reals: bool = False
    ) -> None:
        self._module = model.memory_attention
        self._layers: list[MemoryAttentionLayer] = list(self._module.layers)
        for layer in self._layers:
            _require_supported(layer)
        self._positions = 0.1 * _tokens(positions) if self._module.pos_enc_at_input else torch.zeros_like(positions[0])
        first = self._layers[0]
        self._rotated = _rotated_in_reals if in_reals else _rotated
        self._rotation = _rotation(first.self_attn, side, positions.device)
        self._query_rotation = _rotation(first.cross_attn_image, side, positions.device)
        self._key_rotation = _rotation(first.cross_attn_image, layout.side, positions.device)
        self._plain = layout.plain
        if in_reals:
            self._rotation = torch.view_as_real(self._rotation)
            self._query_rotation = torch.view_as_real(self._query_rotation)
            self._key_rotation = torch.view_as_real(self._key_rotation)

    def self_attend(self, coarse: Tensor) -> tuple[Tensor]:
        """The first layer's self-attention over a frame's coarse features [1, D, h, w]: tokens [1, HW, D]."""
        return (self._self_attention(self._layers[0], _tokens(coarse) + self._positions),)

    def attend_memory(self, frame_tokens: Tensor, memory: Tensor, keys: Tensor, *, spatial: int) -> tuple[Tensor]:
        """The frame conditioned on B objects' memories: [B, HW, D].

        frame_tokens: [1, HW, D], output of `self_attend`. memory, keys: [B, N, M] float32, keys with positions; the
        first `spatial` of the N are those of memories, and are rotated by their position if they have one.
        """
        batch = memory.size(0)
        tokens = frame_tokens.expand(batch, -1, -1)
        for number, layer in enumerate(self._layers):
            if number > 0:
                tokens = self._self_attention(layer, tokens)
            tokens = tokens + self._cross_attention(layer, tokens, memory, keys, spatial)
            tokens = tokens + layer.linear2(layer.activation(layer.linear1(layer.norm3(tokens))))
        return (self._module.norm(tokens),)

    def _self_attention(self, layer: MemoryAttentionLayer, tokens: Tensor) -> Tensor:
        attention, normed = layer.self_attn, layer.norm1(tokens)
        queries = self._rotated(_heads(attention, attention.q_proj(normed)), self._rotation)
        keys = self._rotated(_heads(attention, attention.k_proj(normed)), self._rotation)
        return tokens + _mixed(attention, queries, keys, attention.v_proj(normed))

    def _cross_attention(
        self, layer: MemoryAttentionLayer, tokens: Tensor, memory: Tensor, keys: Tensor, spatial: int
    ) -> Tensor:
        attention = layer.cross_attn_image
        queries = self._rotated(_heads(attention, attention.q_proj(layer.norm2(tokens))), self._query_rotation)
        projected = _heads(attention, attention.k_proj(keys))
        projected = self._rotated(projected, self._key_rotation, spatial, self._plain)
        return _mixed(attention, queries, projected, attention.v_proj(memory))


def _tokens(feature_map: Tensor) -> Tensor:
    return feature_map.flatten(2).transpose(1, 2)  # [B, C, h, w] -> [B, hw, C]


def _heads(attention: RoPEAttention, tokens: Tensor) -> Tensor:
    split: Tensor = tokens.reshape(*tokens.shape[:2], attention.num_heads, -1)  # [B, N, D] -> [B, N, heads, d]
    return split.transpose(1, 2)


def _mixed(attention: RoPEAttention, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    mixed = F.scaled_dot_product_attention(queries, keys, _heads(attention, values))
    return cast(Tensor, attention.out_proj(mixed.transpose(1, 2).flatten(2)))


def _rotated(tokens: Tensor, rotation: Tensor, count: int | None = None, plain: int = 0) -> Tensor:
    """The first `count` tokens [B, heads, N, d] rotated by position. In place if float32; they must not be shared.

    rotation: [P, d / 2] complex64. The tokens are groups of plain + P: the plain ones stay, the others are rotated.
    """
    turned = tokens if count is None else tokens[:, :, :count]
    placed = torch.unflatten(turned, 2, (-1, plain + rotation.size(0)))[:, :, :, plain:]
    pairs = torch.view_as_complex(torch.unflatten(placed.float(), -1, (-1, 2)))
    pairs.mul_(rotation)
    if tokens.dtype is not torch.float32:
        placed.copy_(torch.view_as_real(pairs).flatten(-2))
    return tokens


def _rotated_in_reals(tokens: Tensor, rotation: Tensor, count: int | None = None, plain: int = 0) -> Tensor:
    """`_rotated`, never in place. rotation: [P, d / 2, 2] float32, cosine and sine."""
    turned = tokens if count is None else tokens[:, :, :count]
    cosine, sine = rotation.unbind(-1)
    # [B, heads, N, d] -> [B, heads, groups, plain + P, d] -> two of [B, heads, groups, P, d / 2]
    groups = torch.unflatten(turned.float(), 2, (-1, plain + len(rotation)))
    across, up = torch.unflatten(groups[:, :, :, plain:], -1, (-1, 2)).unbind(-1)
    pairs = torch.stack((across * cosine - up * sine, across * sine + up * cosine), dim=-1).flatten(-2)
    if plain:
        pairs = torch.cat((groups[:, :, :, :plain], pairs), dim=3)
    turned = pairs.flatten(2, 3).to(tokens.dtype)
    return turned if count is None else torch.cat((turned, tokens[:, :, count:]), dim=2)


def _rotation(attention: RoPEAttention, side: int, device: torch.device) -> Tensor:
    return cast(Tensor, attention.compute_cis(end_x=side, end_y=side).to(device))


def _require_supported(layer: MemoryAttentionLayer) -> None:
    """Raises ModelError for a layer with other position encodings than the published ones."""
    if layer.pos_enc_at_attn or layer.pos_enc_at_cross_attn_queries or not layer.pos_enc_at_cross_attn_keys:
        raise ModelError("the model's memory attention adds positions elsewhere than SAM 2's; Masklet cannot run it")
    if not all(isinstance(part, RoPEAttention) for part in (layer.self_attn, layer.cross_attn_image)):
        raise ModelError("the model's memory attention has no rotary positions as SAM 2's has; Masklet cannot run it")
