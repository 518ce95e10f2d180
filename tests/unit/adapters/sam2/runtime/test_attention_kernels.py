"""The choice of attention kernels: by time, with a bias for torch's own, and only with equal output."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.runtime.attention_kernels import (
    OWN_KERNEL,
    SEVERAL,
    TIMED_RUNS,
    AttentionShape,
    KernelChoice,
    Work,
    choose,
    cuda_timer,
    fastest,
)
from tests.fakes.models import random_model

CPU = torch.device("cpu")
SMALL = AttentionShape(side=4, memory_tokens=16, channels=32, heads=1, memories=2, pointer_tokens=4)


def answering(value: float) -> Work:
    return lambda: torch.tensor([value])


def timer(times: Mapping[float, float]) -> Callable[[Work], float]:
    """Times works by their output."""
    return lambda work: times[round(float(work()), 3)]


class TestFastest:
    def test_the_fastest(self) -> None:
        works = {OWN_KERNEL: answering(1.0), "flash": answering(1.001), "cuDNN": answering(1.002)}
        assert fastest(works, timer({1.0: 10.0, 1.001: 8.0, 1.002: 5.0})) == "cuDNN"

    @pytest.mark.parametrize(("other_time", "best"), [(9.1, OWN_KERNEL), (8.9, "flash"), (20.0, OWN_KERNEL)])
    def test_torchs_own_stays_unless_another_is_clearly_faster(self, other_time: float, best: str) -> None:
        works = {OWN_KERNEL: answering(1.0), "flash": answering(1.001)}
        assert fastest(works, timer({1.0: 10.0, 1.001: other_time})) == best

    def test_a_kernel_that_fails_or_differs_is_ignored(self) -> None:
        def unsupported() -> Tensor:
            raise RuntimeError("No available kernel. Aborting execution.")

        works = {OWN_KERNEL: answering(1.0), "flash": unsupported, "cuDNN": answering(2.0)}
        assert fastest(works, timer({1.0: 10.0, 2.0: 1.0})) == OWN_KERNEL

    def test_an_error_of_torchs_own_is_raised(self) -> None:
        def broken() -> Tensor:
            raise RuntimeError("device-side assert")

        with pytest.raises(RuntimeError, match="device-side"):
            fastest({OWN_KERNEL: broken}, timer({}))


class TestChoose:
    def test_nothing_is_measured_without_a_gpu(self) -> None:
        assert choose(SMALL, CPU, torch.float32) == KernelChoice(OWN_KERNEL, OWN_KERNEL)

    def test_one_object_and_several_are_timed_separately(self) -> None:
        shapes: list[tuple[int, ...]] = []

        def timed(work: Work) -> float:
            shapes.append(tuple(work().shape))
            return 10.0 - len(shapes) if shapes[-1][0] == SEVERAL else 10.0

        choice = choose(SMALL, CPU, torch.float32, timed)
        assert choice.alone == OWN_KERNEL
        assert (choice.together, str(choice)) == ("flash", f"{OWN_KERNEL} alone, flash together")
        assert set(shapes) == {(1, 1, 16, 32), (SEVERAL, 1, 16, 32)}
        assert SMALL.keys == 36

    def test_the_shapes_are_the_models(self) -> None:
        blocks = Sam2Blocks(random_model())
        before = blocks.runs_on
        blocks.choose_kernels(lambda work: float("inf") if work().shape != (1, 1, 64, 128) else 1.0)
        assert str(blocks.kernels) == OWN_KERNEL
        assert blocks.runs_on == before


@pytest.mark.parametrize("name", [OWN_KERNEL, "flash", "memory-efficient", "cuDNN"])
def test_a_kernel_that_does_not_support_a_shape_falls_back(name: str) -> None:
    """A CPU has only two kernels."""
    generator = torch.Generator().manual_seed(0)
    queries, keys, values = (torch.randn(2, 1, 9, 16, generator=generator) for _ in range(3))
    expected = F.scaled_dot_product_attention(queries, keys, values)
    for objects in (1, 2):
        with KernelChoice(name, name).of(objects):
            assert torch.allclose(F.scaled_dot_product_attention(queries, keys, values), expected, atol=1e-6)


class FakeEvent:
    """A fake torch.cuda.Event: elapsed times decrease with every call."""

    calls: ClassVar[list[str]] = []

    def __init__(self, *, enable_timing: bool) -> None:
        assert enable_timing

    def record(self) -> None:
        self.calls.append("record")

    def synchronize(self) -> None:
        self.calls.append("synchronize")

    def elapsed_time(self, end: FakeEvent) -> float:
        assert self.calls[-1] == "synchronize", "events are read once the device has reached them"
        return 100.0 - len(self.calls)


def test_gpu_runs_are_timed_by_cuda_events(monkeypatch: pytest.MonkeyPatch) -> None:
    inspect.signature(torch.cuda.Event).bind(enable_timing=True)
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    FakeEvent.calls.clear()

    def work() -> Tensor:
        FakeEvent.calls.append("work")
        return torch.ones(1)

    assert cuda_timer(torch.device("cuda"))(work) == 100.0 - 1 - 4 * TIMED_RUNS
    assert FakeEvent.calls == ["work", *["record", "work", "record", "synchronize"] * TIMED_RUNS]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_times_on_a_gpu() -> None:
    device = torch.device("cuda")
    matrix = torch.randn(2048, 2048, device=device)
    timed = cuda_timer(device)
    assert 0 < timed(lambda: matrix) < timed(lambda: matrix @ matrix @ matrix)
    assert choose(SMALL, device, torch.bfloat16).alone in (OWN_KERNEL, "flash", "memory-efficient", "cuDNN")
