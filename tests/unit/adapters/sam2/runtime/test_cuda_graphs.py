"""Recorded graphs: per shape, bounded, checked, and never memory that changes under the caller.

Recording itself needs a GPU; here the same contract is kept by running the work again on the recording's memory.
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
    """Counts what it records. replays_anew: False for one whose replays compute nothing."""

    def __init__(self, *, replays_anew: bool = True) -> None:
        self.recorded = 0
        self.replayed = 0
        self._replays_anew = replays_anew

    def __call__(self, work: Callable[[], Tensors]) -> tuple[Callable[[], None], Tensors]:
        self.recorded += 1
        answers = work()

        def replay() -> None:
            self.replayed += 1
            if self._replays_anew:
                for answer, new in zip(answers, work(), strict=True):
                    answer.copy_(new)

        return replay, answers


def fails(work: Callable[[], Tensors]) -> tuple[Callable[[], None], Tensors]:
    raise RuntimeError("operation not permitted when stream is capturing\nand much more")


def scaled(tensor: Tensor, *, by: int) -> tuple[Tensor]:
    return (tensor * by + 1,)


def test_a_shape_is_recorded_once_it_is_asked_often() -> None:
    record = Recorder()
    step = Graphed("step", scaled, record, tolerance=0.01)
    for ask in range(CALLS_BEFORE + 3):
        (answer,) = step(torch.full((2, 3), float(ask)), by=2)
        assert answer.tolist() == [[2.0 * ask + 1] * 3] * 2
        assert len(step) == int(ask >= CALLS_BEFORE)
    # One replay to compare, and one for each of the two asks after the recording.
    assert (record.recorded, record.replayed) == (1, 3)


def test_shapes_types_and_numbers_have_graphs_of_their_own() -> None:
    record = Recorder()
    step = Graphed("step", scaled, record, tolerance=0.01)
    asked = [(torch.ones(2), 2), (torch.ones(3), 2), (torch.ones(2, dtype=torch.float64), 2), (torch.ones(2), 3)]
    for _ in range(CALLS_BEFORE + 2):
        for tensor, by in asked:
            (answer,) = step(tensor, by=by)
            assert torch.equal(answer, tensor * by + 1)
    assert (record.recorded, len(step)) == (4, 4)
    assert shape_of([torch.ones(2)], {"by": 2}) != shape_of([torch.ones(2)], {"by": 3})


def test_an_answer_stays_what_it_was_after_the_next_replay() -> None:
    step = Graphed("step", scaled, Recorder(), tolerance=0.01)
    for _ in range(CALLS_BEFORE + 1):
        step(torch.ones(2), by=2)
    (first,) = step(torch.full((2,), 10.0), by=2)
    step(torch.full((2,), 20.0), by=2)
    assert first.tolist() == [21.0, 21.0]


def test_graphs_are_bounded_and_the_longest_unused_goes_first() -> None:
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
    assert record.recorded == MOST_GRAPHS + 2, "length 2 was let go, and is recorded again"


def test_what_cannot_be_recorded_goes_on_without_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    step = Graphed("mask decoder", scaled, fails, tolerance=0.01)
    for _ in range(CALLS_BEFORE + 5):
        (answer,) = step(torch.ones(2), by=2)
        assert answer.tolist() == [3.0, 3.0]
    assert [record.getMessage() for record in caplog.records] == [
        "mask decoder: goes on without CUDA graphs: operation not permitted when stream is capturing"
    ]


def test_a_graph_that_answers_otherwise_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    step = Graphed("mask decoder", scaled, Recorder(replays_anew=False), tolerance=0.01)
    for ask in range(CALLS_BEFORE + 3):
        (answer,) = step(torch.full((2,), float(ask)), by=2)
        assert answer.tolist() == [2.0 * ask + 1] * 2
    (record,) = caplog.records
    assert record.getMessage().startswith("mask decoder: goes on without CUDA graphs: answer 0 is off by")


class TestAlike:
    def test_within_the_share(self) -> None:
        require_alike((torch.tensor([3.0, 4.0]),), (torch.tensor([3.0, 4.04]),), 0.01)

    @pytest.mark.parametrize(
        ("answer", "expected", "said"),
        [
            (torch.tensor([3.0, 4.0]), torch.tensor([3.0, 4.2]), "answer 0 is off by 0.039 of its length"),
            (torch.tensor([float("nan")]), torch.tensor([1.0]), "answer 0 is off by nan of its length"),
            (torch.tensor([1.0]), torch.tensor([0.0]), "answer 0 is off by"),
            (torch.ones(1), torch.ones(2), r"answer 0 is torch.float32 \[1\], not torch.float32 \[2\]"),
            (torch.ones(1), torch.ones(1).double(), r"torch.float32 \[1\], not torch.float64 \[1\]"),
        ],
    )
    def test_beyond_it(self, answer: Tensor, expected: Tensor, said: str) -> None:
        with pytest.raises(ValueError, match=said):
            require_alike((answer,), (expected,), 0.01)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_real_graph_replays_on_new_input() -> None:
    device = torch.device("cuda")
    step = Graphed("step", scaled, CudaRecorder(device), tolerance=0.01)
    with torch.inference_mode():
        for ask in range(CALLS_BEFORE + 3):
            (answer,) = step(torch.full((4, 5), float(ask), device=device), by=3)
            assert answer.tolist() == [[3.0 * ask + 1] * 5] * 4
    assert len(step) == 1


class FakeCuda:
    """Stands in for torch.cuda: the order of what is asked of it, with the real signatures. Work runs on the CPU."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.real_graph = torch.cuda.graph

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("Stream", "CUDAGraph", "current_stream", "graph_pool_handle", "device", "stream", "graph"):
            monkeypatch.setattr(torch.cuda, name, getattr(self, name))

    class _Stream:
        def __init__(self, cuda: FakeCuda, name: str) -> None:
            self._cuda, self.name = cuda, name

        def wait_stream(self, other: FakeCuda._Stream) -> None:
            self._cuda.said.append(f"{self.name} waits for {other.name}")

    def Stream(self) -> FakeCuda._Stream:
        return FakeCuda._Stream(self, "aside")

    def CUDAGraph(self) -> FakeCuda:
        return self

    def replay(self) -> None:
        self.said.append("replay")

    def current_stream(self) -> FakeCuda._Stream:
        return FakeCuda._Stream(self, "main")

    def graph_pool_handle(self) -> str:
        self.said.append("a pool")
        return "pool"

    @contextmanager
    def device(self, device: torch.device) -> Iterator[None]:
        self.said.append(f"on {device}")
        yield

    @contextmanager
    def stream(self, stream: FakeCuda._Stream) -> Iterator[None]:
        self.said.append(f"in {stream.name}")
        yield

    @contextmanager
    def graph(self, *given: object, **named: object) -> Iterator[None]:
        inspect.signature(self.real_graph).bind(*given, **named)
        assert given == (self,)
        assert (named["pool"], named["capture_error_mode"]) == ("pool", "thread_local")
        self.said.append("recording")
        yield
        self.said.append("recorded")


def test_what_is_asked_of_torch_to_record(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda()
    cuda.install(monkeypatch)
    record = CudaRecorder(torch.device("cuda:1"))

    def work() -> tuple[Tensor]:
        cuda.said.append("work")
        return (torch.ones(2),)

    once = ["on cuda:1", "aside waits for main", "in aside", "work", "work", "main waits for aside"]
    replay, answers = record(work)
    assert cuda.said == [*once, "a pool", "recording", "work", "recorded"]
    assert answers[0].tolist() == [1.0, 1.0]
    cuda.said.clear()
    record(work)
    assert cuda.said == [*once, "recording", "work", "recorded"], "one pool and one stream for all"
    replay()
    assert cuda.said[-1] == "replay"
