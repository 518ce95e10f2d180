"""Faster layers with bit-identical output, which replace a model's layers. Uses private parts of sam2.

On a CPU, MLPs and linear layers over whole feature maps get their weights packed once for oneDNN, which applies the
activation of an MLP in the same pass. Processors differ in what that gains or costs, by shape, so each shape is timed
here. A layer is replaced only if it is faster on this machine, and if its output is bit-identical: memories are kept in
bfloat16, which turns a last bit into a visible one, and the difference grows from frame to frame.

With bfloat16, weights are cast once; autocast casts them at every call. On every device the trunk's position embedding,
the same for every frame, is computed once.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from sam2.modeling.backbones.hieradet import Hiera
from sam2.modeling.sam2_base import SAM2Base
from sam2.modeling.sam2_utils import MLP
from torch import Tensor, nn

_WIDE = ("image_encoder.trunk", "memory_attention", "memory_encoder")
"""Parts with layers over whole feature maps; other layers have few tokens, for which packing is not faster."""
_CAST_BY_AUTOCAST = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
"""Layers whose weights autocast casts to bfloat16, on a CPU as on a GPU."""
COARSE = 2
"""The stage whose maps are at the stride of memory attention, 16."""

TIMED_CALLS = 6
MOST_TIMED = 250_000_000
"""Multiplications of one timed call: about ten milliseconds."""

FEWEST_ROWS = 40
WORTH = 0.97
_ACTIVATIONS = {nn.GELU: "gelu", nn.ReLU: "relu"}
_WIDE_IN_DECODER = (
    "cross_attn_token_to_image.k_proj",
    "cross_attn_token_to_image.v_proj",
    "cross_attn_image_to_token.q_proj",
    "cross_attn_image_to_token.out_proj",
    "final_attn_token_to_image.k_proj",
    "final_attn_token_to_image.v_proj",
)


def prepare(model: SAM2Base, *, precision: torch.dtype = torch.float32, packed: bool = True) -> None:
    """Replaces a model's layers by faster ones, in place. Idempotent.

    precision: of the computation; bfloat16 by autocast. packed: False if torch's compiler compiles the layers.
    """
    if precision is torch.bfloat16:
        _cast_weights(model)
    elif packed and can_pack() and model.device.type == "cpu":
        with torch.inference_mode():
            _pack(model, _Shapes.of(model))
    if isinstance(model.image_encoder.trunk, Hiera):
        _keep_position_embedding(model.image_encoder.trunk, int(model.image_size))


def can_pack() -> bool:
    """Whether this torch has oneDNN's prepacked linear layers."""
    return bool(torch._C._has_mkldnn) and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _cast_weights(model: SAM2Base) -> None:
    for module in model.modules():
        if isinstance(module, _CAST_BY_AUTOCAST):
            module.to(torch.bfloat16)


def _pack(parent: nn.Module, shapes: _Shapes, path: str = "") -> None:
    for name, child in parent.named_children():
        full_name = f"{path}{name}"
        is_wide = full_name.startswith(_WIDE) or full_name.endswith(_WIDE_IN_DECODER)
        faster = _packed(child) if is_wide else None
        if faster is None:
            _pack(child, shapes, f"{full_name}.")
        elif shapes.gains(child, faster, full_name) and _is_exact(child, faster):
            setattr(parent, name, faster)
        elif isinstance(child, MLP):
            _pack(child, shapes, f"{full_name}.")


@dataclass
class _Shapes:
    """Which shapes of layers are faster packed on this machine. side: of the image in pixels.

    stage_ends: the last block of each stage of the trunk; empty for a trunk without such stages.
    """

    side: int
    stage_ends: Sequence[int]
    known: dict[tuple[object, ...], bool] = field(default_factory=dict)

    @classmethod
    def of(cls, model: SAM2Base) -> _Shapes:
        return cls(int(model.image_size), tuple(getattr(model.image_encoder.trunk, "stage_ends", ())))

    def gains(self, layer: nn.Module, packed: nn.Module, name: str) -> bool:
        """Whether the packed layer is faster over the rows that this layer gets for one image or object."""
        linears = [module for module in layer.modules() if isinstance(module, nn.Linear)]
        sizes = tuple((one.in_features, one.out_features) for one in linears)
        # A layer of many rows does not need all of them to be timed.
        rows = max(min(self._rows(name), MOST_TIMED // sum(k * n for k, n in sizes)), FEWEST_ROWS)
        shape = (type(layer), rows, sizes)
        if shape not in self.known:
            self.known[shape] = _is_faster(layer, packed, _probe(rows, sizes[0][0]))
        return self.known[shape]

    def _rows(self, name: str) -> int:
        block = re.match(r"image_encoder\.trunk\.blocks\.(\d+)\.", name)
        stage = sum(int(block[1]) > end for end in self.stage_ends[:-1]) if block and self.stage_ends else COARSE
        return (self.side >> (2 + stage)) ** 2


def _is_faster(layer: nn.Module, packed: nn.Module, probe: Tensor) -> bool:
    """The fastest of a few calls in turns: other work on the machine lengthens some of them."""
    fastest_s = {layer: math.inf, packed: math.inf}
    for _ in range(TIMED_CALLS):
        for module in fastest_s:
            began_s = time.perf_counter()
            module(probe)
            fastest_s[module] = min(fastest_s[module], time.perf_counter() - began_s)
    return fastest_s[packed] < WORTH * fastest_s[layer]


class PackedLinear(nn.Module):
    """A linear layer with its activation (none, gelu, relu), on a CPU. [..., K] to [..., N], float32."""

    def __init__(self, layer: nn.Linear, activation: str = "none") -> None:
        super().__init__()
        self.bias = layer.bias
        self.out_features = layer.out_features
        self._activation = activation
        self._weight: Tensor = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), None)

    def forward(self, x: Tensor) -> Tensor:
        packed = torch.ops.mkldnn._linear_pointwise(x, self._weight, self.bias, self._activation, [], "none")
        return cast(Tensor, packed)


class PackedMlp(nn.Module):
    """sam2's MLP without sigmoid, with fused activations. [..., K] to [..., N], float32."""

    def __init__(self, mlp: MLP, activation: str) -> None:
        super().__init__()
        last = len(mlp.layers) - 1
        self.layers = nn.Sequential(
            *(PackedLinear(layer, activation if i < last else "none") for i, layer in enumerate(mlp.layers))
        )

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.layers(x))


class PointwiseConvolution(nn.Module):
    """A 1x1 convolution as a linear layer over channels-last maps. [B, K, H, W] to [B, N, H, W], float32."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        layer = nn.Linear(convolution.in_channels, convolution.out_channels, device="meta")
        layer.weight = nn.Parameter(convolution.weight.detach().flatten(1), requires_grad=False)
        layer.bias = cast(nn.Parameter, convolution.bias)
        self._packed = PackedLinear(layer)
        self._convolution = convolution

    def forward(self, x: Tensor) -> Tensor:
        if x.stride(1) != 1:
            return cast(Tensor, self._convolution(x))
        return cast(Tensor, self._packed(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


def pointwise(convolution: nn.Conv2d, *, side: int) -> nn.Module:
    """A 1x1 convolution over square channels-last maps, packed if its output is bit-identical in the same layout.

    side: of the maps; the choice of the kernel depends on it.
    """
    weight = convolution.weight
    if not (can_pack() and weight.device.type == "cpu" and weight.dtype is torch.float32):
        return convolution
    packed = PointwiseConvolution(convolution)
    probe = _probe(1, side, side, convolution.in_channels).permute(0, 3, 1, 2)
    expected, got = convolution(probe), packed(probe)
    return packed if torch.equal(got, expected) and got.stride() == expected.stride() else convolution


def _packed(module: nn.Module) -> nn.Module | None:
    if isinstance(module, MLP) and _can_fuse(module):
        return PackedMlp(module, _ACTIVATIONS[type(module.act)])
    return PackedLinear(module) if isinstance(module, nn.Linear) else None


def _can_fuse(mlp: MLP) -> bool:
    is_whole = all(isinstance(layer, nn.Linear) for layer in mlp.layers)
    return is_whole and not mlp.sigmoid_output and type(mlp.act) in _ACTIVATIONS


def _is_exact(module: nn.Module, faster: nn.Module) -> bool:
    """Whether outputs are bit-identical, for 300 rows and for 40."""
    width = module.layers[0].in_features if isinstance(module, MLP) else cast(int, module.in_features)
    return all(torch.equal(module(probe), faster(probe)) for probe in (_probe(300, width), _probe(40, width)))


def _probe(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def _keep_position_embedding(trunk: Hiera, image_size: int) -> None:
    embeddings: dict[tuple[int, int], Tensor] = {}
    compute: Callable[[tuple[int, int]], Tensor] = trunk._get_pos_embed

    def cached(size: tuple[int, int]) -> Tensor:
        size = (int(size[0]), int(size[1]))
        if size not in embeddings:
            with torch.autocast(trunk.pos_embed.device.type, enabled=False):
                embeddings[size] = compute(size)
        return embeddings[size]

    trunk._get_pos_embed = cached
    # Computed now: otherwise the compiler compiles the trunk a second time.
    side = image_size // int(trunk.patch_embed.proj.stride[0])
    with torch.inference_mode():
        cached((side, side))
