"""Recorded graphs: per shape, bounded, checked, with outputs that later replays do not overwrite.

Recording needs a GPU; here a replay runs the work again on the recording's memory.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from backend.adapters.sam2.runtime.cuda_graphs import (
    CALLS_BEFORE,
    MOST_GRAPHS,
    CudaRecorder,
    Graphed,
    Tensors,
    require_alike,
    shape_of,
)


class Recorder:
    """Counts recordings and replays. recomputes: whether a replay runs the work again."""

    def __init__(self, *, recomputes: bool = True) -> None:
        self.recorded = 0
        self.replayed = 0
        self._recomputes = recomputes

    def __call__(self, work: Callable[[], Tensors]) -> tuple[Callable[[], None], Tensors]:
        self.recorded += 1
        outputs = work()

        def replay() -> None:
            self.replayed += 1
            if self._recomputes:
                for output, new in zip(outputs, work(), strict=True):
                    output.copy_(new)

        return replay, outputs


def fails(work: Callable[[], Tensors]) -> tuple[Callable[[], None], Tensors]:
    raise RuntimeError("operation not permitted when stream is capturing\nand much more")


def scaled(tensor: Tensor, *, by: int) -> tuple[Tensor]:
    return (tensor * by + 1,)


def test_a_frequent_shape_is_recorded() -> None:
    record = Recorder()
    step = Graphed("step", scaled, record, tolerance=0.01)
    for call in range(CALLS_BEFORE + 3):
        (output,) = step(torch.full((2, 3), float(call)), by=2)
        assert output.tolist() == [[2.0 * call + 1] * 3] * 2
        assert len(step) == int(call >= CALLS_BEFORE)
    # One replay for the comparison, and one for each of the two calls after the recording.
    assert (record.recorded, record.replayed) == (1, 3)


def test_shapes_types_and_numbers_have_graphs_of_their_own() -> None:
    record = Recorder()
    step = Graphed("step", scaled, record, tolerance=0.01)
    inputs = [(torch.ones(2), 2), (torch.ones(3), 2), (torch.ones(2, dtype=torch.float64), 2), (torch.ones(2), 3)]
    for _ in range(CALLS_BEFORE + 2):
        for tensor, by in inputs:
            (output,) = step(tensor, by=by)
            assert torch.equal(output, tensor * by + 1)
    assert (record.recorded, len(step)) == (4, 4)
    assert shape_of([torch.ones(2)], {"by": 2}) != shape_of([torch.ones(2)], {"by": 3})


def test_the_next_replay_does_not_change_an_output() -> None:
    step = Graphed("step", scaled, Recorder(), tolerance=0.01)
    for _ in range(CALLS_BEFORE + 1):
        step(torch.ones(2), by=2)
    (first,) = step(torch.full((2,), 10.0), by=2)
    step(torch.full((2,), 20.0), by=2)
    assert first.tolist() == [21.0, 21.0]


def test_the_least_recently_used_graph_is_dropped() -> None:
    record = Recorder()
    step = Graphed("step", scaled, record, tolerance=0.01)
    for length in range(1, MOST_GRAPHS + 1):
        for _ in range(CALLS_BEFORE + 1):
            step(torch.ones(length), by=1)
    step(torch.ones(1), by=1)
    for _ in range(CALLS_BEFORE + 1):
        step(torch.ones(99), by=1)
    assert (record.recorded, len(step)) == (MOST_GRAPHS + 1, MOST_GRAPHS)
    step(torch.ones(1), by=1)
    assert record.recorded == MOST_GRAPHS + 1, "length 1 was used and kept"
    step(torch.ones(2), by=1)
    assert record.recorded == MOST_GRAPHS + 2, "length 2 was dropped, and is recorded again"


def test_a_failed_recording_gives_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    step = Graphed("mask decoder", scaled, fails, tolerance=0.01)
    for _ in range(CALLS_BEFORE + 5):
        (output,) = step(torch.ones(2), by=2)
        assert output.tolist() == [3.0, 3.0]
    assert [record.getMessage() for record in caplog.records] == [
        "mask decoder: goes on without CUDA graphs: operation not permitted when stream is capturing"
    ]


def test_a_graph_with_another_output_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    step = Graphed("mask decoder", scaled, Recorder(recomputes=False), tolerance=0.01)
    for call in range(CALLS_BEFORE + 3):
        (output,) = step(torch.full((2,), float(call)), by=2)
        assert output.tolist() == [2.0 * call + 1] * 2
    (record,) = caplog.records
    assert record.getMessage().startswith("mask decoder: goes on without CUDA graphs: output 0 is off by")


class TestAlike:
    def test_within_the_share(self) -> None:
        require_alike((torch.tensor([3.0, 4.0]),), (torch.tensor([3.0, 4.04]),), 0.01)

    @pytest.mark.parametrize(
        ("output", "expected", "message"),
        [
            (torch.tensor([3.0, 4.0]), torch.tensor([3.0, 4.2]), "output 0 is off by 0.039 of its norm"),
            (torch.tensor([float("nan")]), torch.tensor([1.0]), "output 0 is off by nan of its norm"),
            (torch.tensor([1.0]), torch.tensor([0.0]), "output 0 is off by"),
            (torch.ones(1), torch.ones(2), r"output 0 is torch.float32 \[1\], not torch.float32 \[2\]"),
            (torch.ones(1), torch.ones(1).double(), r"torch.float32 \[1\], not torch.float64 \[1\]"),
        ],
    )
    def test_beyond_it(self, output: Tensor, expected: Tensor, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            require_alike((output,), (expected,), 0.01)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_real_graph_replays_on_new_input() -> None:
    device = torch.device("cuda")
    step = Graphed("step", scaled, CudaRecorder(device), tolerance=0.01)
    with torch.inference_mode():
        for call in range(CALLS_BEFORE + 3):
            (output,) = step(torch.full((4, 5), float(call), device=device), by=3)
            assert output.tolist() == [[3.0 * call + 1] * 5] * 4
    assert len(step) == 1


class FakeCuda:
    """A fake torch.cuda that records its calls, with the real signatures. Work runs on the CPU."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.real_graph = torch.cuda.graph

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("Stream", "CUDAGraph", "current_stream", "graph_pool_handle", "device", "stream", "graph"):
            monkeypatch.setattr(torch.cuda, name, getattr(self, name))

    class _Stream:
        def __init__(self, cuda: FakeCuda, name: str) -> None:
            self._cuda, self.name = cuda, name

        def wait_stream(self, other: FakeCuda._Stream) -> None:
            self._cuda.calls.append(f"{self.name} waits for {other.name}")

    def Stream(self) -> FakeCuda._Stream:
        return FakeCuda._Stream(self, "aside")

    def CUDAGraph(self) -> FakeCuda:
        return self

    def replay(self) -> None:
        self.calls.append("replay")

    def current_stream(self) -> FakeCuda._Stream:
        return FakeCuda._Stream(self, "main")

    def graph_pool_handle(self) -> str:
        self.calls.append("a pool")
        return "pool"

    @contextmanager
    def device(self, device: torch.device) -> Iterator[None]:
        self.calls.append(f"on {device}")
        yield

    @contextmanager
    def stream(self, stream: FakeCuda._Stream) -> Iterator[None]:
        self.calls.append(f"in {stream.name}")
        yield

    @contextmanager
    def graph(self, *arguments: object, **named: object) -> Iterator[None]:
        inspect.signature(self.real_graph).bind(*arguments, **named)
        assert arguments == (self,)
        assert (named["pool"], named["capture_error_mode"]) == ("pool", "thread_local")
        self.calls.append("recording")
        yield
        self.calls.append("recorded")


def test_the_calls_of_a_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda()
    cuda.install(monkeypatch)
    record = CudaRecorder(torch.device("cuda:1"))

    def work() -> tuple[Tensor]:
        cuda.calls.append("work")
        return (torch.ones(2),)

    once = ["on cuda:1", "aside waits for main", "in aside", "work", "work", "main waits for aside"]
    replay, outputs = record(work)
    assert cuda.calls == [*once, "a pool", "recording", "work", "recorded"]
    assert outputs[0].tolist() == [1.0, 1.0]
    cuda.calls.clear()
    record(work)
    assert cuda.calls == [*once, "recording", "work", "recorded"], "one pool and one stream for all"
    replay()
    assert cuda.calls[-1] == "replay"
