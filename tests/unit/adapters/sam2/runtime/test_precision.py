"""Computations in bfloat16, and computations that stay in float32."""

from __future__ import annotations

import pytest
import torch

from backend.adapters.sam2.evidence import reduce
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.model.tensors import Decoded, ImageFeatures
from backend.adapters.sam2.runtime.device import computing, precision_of
from backend.adapters.sam2.weights.image_size import resize_model
from tests.fakes.models import IMAGE_SIZE, random_model

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(
    ("wanted", "has_units", "image_size", "precision"),
    [
        ("auto", False, 1024, torch.float32),
        ("auto", True, 1024, torch.bfloat16),
        ("auto", True, 256, torch.bfloat16),
        ("auto", True, 192, torch.float32),
        ("float32", True, 1024, torch.float32),
        ("bfloat16", False, 192, torch.bfloat16),
        ("int8", True, 1024, torch.float32),
    ],
)
def test_a_cpu_computes_large_images_in_bfloat16_if_it_has_matrix_units(
    wanted: str, has_units: bool, image_size: int, precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_units)
    assert precision_of(CPU, wanted, image_size=image_size) is precision


def test_a_torch_that_cannot_tell_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    assert precision_of(CPU, image_size=1024) is torch.float32


@pytest.mark.parametrize("has_units", [True, False])
def test_the_model_is_asked_for_its_image_size(has_units: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_units)
    model = random_model()
    resize_model(model, 256)
    blocks = Sam2Blocks(model)
    assert blocks.runs_on["precision"] == ("bfloat16" if has_units else "float32")
    with blocks.computing():
        finest = blocks.encode_image(random(1, 3, 256, 256)).levels[0]
    assert finest.dtype is (torch.bfloat16 if has_units else torch.float32)


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
