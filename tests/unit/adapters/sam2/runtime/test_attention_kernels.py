"""Which attention kernels are taken: by time, with a bias for torch's own order, and only if they answer alike."""

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
    OWN,
    SEVERAL,
    TIMED_RUNS,
    Attended,
    KernelChoice,
    Work,
    choose,
    cuda_timer,
    fastest,
)
from tests.fakes.models import random_model

CPU = torch.device("cpu")
SMALL = Attended(side=4, channels=32, heads=1, memories=2, pointer_tokens=4)


def answering(value: float) -> Work:
    return lambda: torch.tensor([value])


def timer(times: Mapping[float, float]) -> Callable[[Work], float]:
    """Times works by what they answer."""
    return lambda work: times[round(float(work()), 3)]


class TestFastest:
    def test_the_one_that_takes_least(self) -> None:
        works = {OWN: answering(1.0), "flash": answering(1.001), "cuDNN": answering(1.002)}
        assert fastest(works, timer({1.0: 10.0, 1.001: 8.0, 1.002: 5.0})) == "cuDNN"

    @pytest.mark.parametrize(("taken", "best"), [(9.1, OWN), (8.9, "flash"), (20.0, OWN)])
    def test_torchs_own_stays_unless_another_is_clearly_faster(self, taken: float, best: str) -> None:
        works = {OWN: answering(1.0), "flash": answering(1.001)}
        assert fastest(works, timer({1.0: 10.0, 1.001: taken})) == best

    def test_one_that_does_not_run_or_answers_otherwise_is_left_out(self) -> None:
        def unsupported() -> Tensor:
            raise RuntimeError("No available kernel. Aborting execution.")

        works = {OWN: answering(1.0), "flash": unsupported, "cuDNN": answering(2.0)}
        assert fastest(works, timer({1.0: 10.0, 2.0: 1.0})) == OWN

    def test_when_torchs_own_does_not_run_nothing_does(self) -> None:
        def broken() -> Tensor:
            raise RuntimeError("device-side assert")

        with pytest.raises(RuntimeError, match="device-side"):
            fastest({OWN: broken}, timer({}))


class TestChoose:
    def test_nothing_is_measured_without_a_gpu(self) -> None:
        assert choose(SMALL, CPU, torch.float32) == KernelChoice(OWN, OWN)

    def test_one_object_and_several_are_measured_apart_on_the_settled_shape(self) -> None:
        shapes: list[tuple[int, ...]] = []

        def timed(work: Work) -> float:
            shapes.append(tuple(work().shape))
            return 10.0 - len(shapes) if shapes[-1][0] == SEVERAL else 10.0

        choice = choose(SMALL, CPU, torch.float32, timed)
        assert choice.alone == OWN
        assert (choice.together, str(choice)) == ("flash", f"{OWN} alone, flash together")
        assert set(shapes) == {(1, 1, 16, 32), (SEVERAL, 1, 16, 32)}
        assert SMALL.keys == 36

    def test_the_shapes_are_the_models(self) -> None:
        blocks = Sam2Blocks(random_model())
        before = blocks.runs_on
        blocks.choose_kernels(lambda work: float("inf") if work().shape != (1, 1, 64, 128) else 1.0)
        assert str(blocks.kernels) == OWN
        assert blocks.runs_on == before


@pytest.mark.parametrize("name", [OWN, "flash", "memory-efficient", "cuDNN"])
def test_a_kernel_that_does_not_take_a_shape_gives_way(name: str) -> None:
    """On a CPU there are but two kernels."""
    generator = torch.Generator().manual_seed(0)
    queries, keys, values = (torch.randn(2, 1, 9, 16, generator=generator) for _ in range(3))
    expected = F.scaled_dot_product_attention(queries, keys, values)
    for objects in (1, 2):
        with KernelChoice(name, name).of(objects):
            assert torch.allclose(F.scaled_dot_product_attention(queries, keys, values), expected, atol=1e-6)


class FakeEvent:
    """Stands in for torch.cuda.Event: a clock that each record moves on, by less and less."""

    said: ClassVar[list[str]] = []

    def __init__(self, *, enable_timing: bool) -> None:
        assert enable_timing

    def record(self) -> None:
        self.said.append("record")

    def synchronize(self) -> None:
        self.said.append("synchronize")

    def elapsed_time(self, end: FakeEvent) -> float:
        assert self.said[-1] == "synchronize", "events are read once the device has reached them"
        return 100.0 - len(self.said)


def test_runs_on_a_gpu_are_timed_by_its_own_events(monkeypatch: pytest.MonkeyPatch) -> None:
    inspect.signature(torch.cuda.Event).bind(enable_timing=True)
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    FakeEvent.said.clear()

    def work() -> Tensor:
        FakeEvent.said.append("work")
        return torch.ones(1)

    assert cuda_timer(torch.device("cuda"))(work) == 100.0 - 1 - 4 * TIMED_RUNS
    assert FakeEvent.said == ["work", *["record", "work", "record", "synchronize"] * TIMED_RUNS]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_time_is_the_gpus() -> None:
    device = torch.device("cuda")
    matrix = torch.randn(2048, 2048, device=device)
    timed = cuda_timer(device)
    assert 0 < timed(lambda: matrix) < timed(lambda: matrix @ matrix @ matrix)
    assert choose(SMALL, device, torch.bfloat16).alone in (OWN, "flash", "memory-efficient", "cuDNN")
