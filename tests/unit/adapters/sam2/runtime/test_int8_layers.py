"""The image encoder in 8 bits: near the exact one, the same for a frame alone and among others, and told apart."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import nn

from backend.adapters.sam2.model.blocks import Sam2Blocks, _quantize_encoder
from backend.adapters.sam2.runtime.int8_layers import Int8Linear
from backend.domain.errors import ModelError
from tests.fakes.models import IMAGE_SIZE, random_model


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def distance(got: torch.Tensor, expected: torch.Tensor) -> float:
    return float((got - expected).norm() / expected.norm())


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_is_near_the_exact_one(bias: bool) -> None:
    layer = nn.Linear(64, 96, bias=bias).requires_grad_(False)
    layer.weight[0] *= 100  # a channel of another magnitude does not blur the others
    rows = random(2, 5, 64)
    got, expected = Int8Linear(layer)(rows), layer(rows)
    assert got.dtype is torch.float32
    assert 0 < distance(got[..., 1:], expected[..., 1:]) < 0.03


def test_the_encoder_is_near_the_exact_one() -> None:
    exact, int8 = Sam2Blocks(random_model()), Sam2Blocks(random_model(), precision="int8")
    images = random(2, 3, IMAGE_SIZE, IMAGE_SIZE)
    with int8.computing():
        both = int8.encode_image(images)
        alone = int8.encode_image(images[:1])
        expected = exact.encode_image(images[:1])
    for level, one, wanted in zip(both.levels, alone.levels, expected.levels, strict=True):
        assert 0 < distance(one, wanted) < 0.1
        assert torch.equal(level[:1], one)
    linear = [module for module in int8._model.image_encoder.trunk.modules() if isinstance(module, nn.Linear)]
    assert linear == []
    assert (int8.runs_on["precision"], exact.runs_on["precision"]) == ("int8", "float32")


def test_it_is_for_a_cpu() -> None:
    model = cast(SAM2Base, SimpleNamespace(device=torch.device("cuda:0")))
    with pytest.raises(ModelError, match="MASKLET_PRECISION int8 computes on a CPU, not on cuda:0: choose auto"):
        _quantize_encoder(model)
