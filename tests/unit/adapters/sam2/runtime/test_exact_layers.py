"""Faster layers are bit-identical to the replaced ones."""

from __future__ import annotations

import pytest
import torch

from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.runtime.exact_layers import PackedLinear, can_pack, prepare
from tests.fakes.models import IMAGE_SIZE, random_model

needs_packing = pytest.mark.skipif(not can_pack(), reason="this torch has no prepacked linear layers")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def image(count: int = 1) -> torch.Tensor:
    return torch.randn(count, 3, IMAGE_SIZE, IMAGE_SIZE, generator=torch.Generator().manual_seed(3))


def test_the_encoder_is_bit_identical_to_sam2() -> None:
    model = random_model()
    with torch.inference_mode():
        expected = model.forward_image(image())["backbone_fpn"]
        levels = Sam2Blocks(random_model()).encode_image(image()).levels
    assert [level.shape for level in levels] == [level.shape for level in expected]
    assert all(torch.equal(a, b) for a, b in zip(levels, expected, strict=True))


def test_frames_of_a_batch_are_encoded_alike() -> None:
    blocks = Sam2Blocks(random_model())
    with torch.inference_mode():
        batch = blocks.encode_image(image(3)).split()
        for row, alone in zip(batch, torch.split(image(3), 1), strict=True):
            assert all(
                torch.allclose(a, b, atol=1e-5)
                for a, b in zip(row.levels, blocks.encode_image(alone).levels, strict=True)
            )


@needs_packing
def test_layers_are_packed_and_only_once() -> None:
    model = random_model()
    prepare(model)
    packed = [module for module in model.modules() if isinstance(module, PackedLinear)]
    prepare(model)
    assert [module for module in model.modules() if isinstance(module, PackedLinear)] == packed
    assert packed


@needs_packing
def test_a_layer_whose_bits_would_change_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = PackedLinear.forward
    monkeypatch.setattr(PackedLinear, "forward", lambda self, x: forward(self, x) + 1e-7)
    model = random_model()
    prepare(model)
    assert not [module for module in model.modules() if isinstance(module, PackedLinear)]
