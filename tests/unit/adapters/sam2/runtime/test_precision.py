"""Computations in bfloat16, and computations that stay in float32."""

from __future__ import annotations

import pytest
import torch

from backend.adapters.sam2.evidence import reduce
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.model.tensors import Decoded, ImageFeatures
from backend.adapters.sam2.runtime.device import computing, precision_of
from tests.fakes.models import IMAGE_SIZE, random_model

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(
    ("wanted", "precision"),
    [
        ("auto", torch.float32),
        ("float32", torch.float32),
        ("bfloat16", torch.bfloat16),
        ("int8", torch.float32),
    ],
)
def test_a_cpu_computes_in_float32_by_default(wanted: str, precision: torch.dtype) -> None:
    assert precision_of(CPU, wanted) is precision


@pytest.mark.parametrize(("native", "precision"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_gpu_that_emulates_bfloat16_computes_in_float32(
    native: bool, precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *, including_emulation: native or including_emulation)
    assert precision_of(torch.device("cuda")) is precision


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_products_are_in_the_precision(precision: torch.dtype) -> None:
    with computing(CPU, precision):
        assert (random(3, 3) @ random(3, 3)).dtype is precision


def test_weights_cast_once_are_bit_identical_to_autocast() -> None:
    blocks = Sam2Blocks(random_model(), precision="bfloat16")
    image = random(1, 3, IMAGE_SIZE, IMAGE_SIZE)
    with blocks.computing():
        expected = random_model().forward_image(image)["backbone_fpn"]
        levels = blocks.encode_image(image).levels
    assert all(torch.equal(a, b) and a.dtype is b.dtype for a, b in zip(levels, expected, strict=True))
    assert levels[0].dtype is torch.bfloat16
    assert (blocks.precision, blocks.runs_on["precision"]) == (torch.bfloat16, "bfloat16")


def test_evidence_is_counted_in_float32() -> None:
    """bfloat16 cannot count the pixels of a mask of thousands."""
    decoded = Decoded(
        logits=random(2, 1, 96, 96),
        raw=random(2, 1, 96, 96),
        candidates=random(2, 3, 96, 96),
        predicted_ious=torch.tensor([[0.9, 0.5, 0.1]] * 2),
        pointer=random(2, 8),
        presence=random(2, 1),
    )
    features = ImageFeatures((random(1, 16, 24, 24),))
    with computing(CPU, torch.float32):
        expected = reduce(decoded, features).numbers
    with computing(CPU, torch.bfloat16):
        assert torch.equal(reduce(decoded, features).numbers, expected)
