"""Faster layers are bit-identical to the replaced ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.runtime import exact_layers
from backend.adapters.sam2.runtime.exact_layers import PackedLinear, can_pack, prepare
from tests.fakes.models import IMAGE_SIZE, random_model

needs_packing = pytest.mark.skipif(not can_pack(), reason="this torch has no prepacked linear layers")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> dict[type[nn.Module], float]:
    """What a call of each kind of layer takes, by a clock that only these calls move."""
    taken: dict[type[nn.Module], float] = {nn.Linear: 2.0, PackedLinear: 1.0}
    now_s = [0.0]

    def timed(kind: type[nn.Module]) -> None:
        forward = kind.forward

        def slow(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
            now_s[0] += taken[kind]
            return forward(self, x)  # type: ignore[no-any-return]

        monkeypatch.setattr(kind, "forward", slow)

    timed(nn.Linear)
    timed(PackedLinear)
    monkeypatch.setattr("backend.adapters.sam2.runtime.exact_layers.time.perf_counter", lambda: now_s[0])
    return taken


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
def test_layers_are_packed_and_only_once(seconds: dict[type[nn.Module], float]) -> None:
    model = random_model()
    prepare(model)
    packed = [module for module in model.modules() if isinstance(module, PackedLinear)]
    prepare(model)
    assert [module for module in model.modules() if isinstance(module, PackedLinear)] == packed
    assert packed


@needs_packing
def test_a_layer_that_is_not_faster_packed_is_not_replaced(seconds: dict[type[nn.Module], float]) -> None:
    seconds[PackedLinear] = 2.0
    model = random_model()
    prepare(model)
    assert not [module for module in model.modules() if isinstance(module, PackedLinear)]


@needs_packing
def test_each_shape_is_timed_once(seconds: dict[type[nn.Module], float], monkeypatch: pytest.MonkeyPatch) -> None:
    probes: list[tuple[int, int, torch.Size]] = []
    is_faster = exact_layers._is_faster

    def counted(layer: nn.Module, packed: nn.Module, probe: torch.Tensor) -> bool:
        linears = [module for module in layer.modules() if isinstance(module, nn.Linear)]
        probes.append((len(linears), linears[0].out_features, probe.shape))
        return is_faster(layer, packed, probe)

    monkeypatch.setattr(exact_layers, "_is_faster", counted)
    prepare(random_model())
    assert len(probes) == len(set(probes)) > 5
    side = IMAGE_SIZE // 4
    assert {shape[0] for *_, shape in probes} >= {side**2, (side // 2) ** 2}


@needs_packing
def test_a_layer_whose_bits_would_change_is_not_replaced(
    seconds: dict[type[nn.Module], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = PackedLinear.forward
    monkeypatch.setattr(PackedLinear, "forward", lambda self, x: forward(self, x) + 1e-7)
    model = random_model()
    prepare(model)
    assert not [module for module in model.modules() if isinstance(module, PackedLinear)]
