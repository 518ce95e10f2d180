"""Steps recorded as CUDA graphs, one for each shape that is asked often: replayed without a launch for every kernel.

A graph reads and writes the same memory every time. So what a step is given is copied into the graph's own buffers,
and what comes out is copied before anybody else can replay: a caller never holds memory that changes under it.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch.cuda import _POOL_HANDLE

logger = logging.getLogger(__name__)

Tensors = tuple[Tensor, ...]
Step = Callable[..., Tensors]
"""Tensors in by position and whole numbers by name, tensors out. Keeps nothing and changes nothing it was given."""

Recorder = Callable[[Callable[[], Tensors]], tuple[Callable[[], None], Tensors]]
"""Runs some work and returns how to do it again on the same memory, and where its answers are then found."""

CALLS_BEFORE = 2
"""So many times a shape is asked before it is recorded: memories grow in the first frames, and never come back."""
MOST_GRAPHS = 8
"""Of one step, the longest unused let go first: every one holds memory."""
WARM_RUNS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One graph. given, answers: its own memory."""

    given: Tensors
    answers: Tensors
    replay: Callable[[], None]

    def run(self, tensors: Sequence[Tensor]) -> Tensors:
        for own, tensor in zip(self.given, tensors, strict=True):
            own.copy_(tensor)
        self.replay()
        return tuple(answer.clone() for answer in self.answers)


class Graphed:
    """A step that records a graph for each shape it is often asked with. If that fails, the step goes on without."""

    def __init__(self, name: str, step: Step, record: Recorder, *, tolerance: float) -> None:
        """tolerance: of a graph's answer, as a share of the step's own."""
        self._name = name
        self._step = step
        self._record: Recorder | None = record
        self._tolerance = tolerance
        self._asked: Counter[object] = Counter()
        self._graphs: OrderedDict[object, Recording] = OrderedDict()

    def __call__(self, *tensors: Tensor, **numbers: int) -> Tensors:
        shape = shape_of(tensors, numbers)
        graph = self._graphs.get(shape)
        if graph is None:
            return self._unrecorded(shape, tensors, numbers)
        self._graphs.move_to_end(shape)
        return graph.run(tensors)

    def __len__(self) -> int:
        return len(self._graphs)

    def _unrecorded(self, shape: object, tensors: Sequence[Tensor], numbers: Mapping[str, int]) -> Tensors:
        answer = self._step(*tensors, **numbers)
        self._asked[shape] += 1
        if self._record is not None and self._asked[shape] > CALLS_BEFORE:
            try:
                self._graphs[shape] = self._recorded(self._record, tensors, numbers, answer)
            except Exception as error:  # memory that does not suffice among others: the step itself needs none of it
                self._record = None
                self._graphs.clear()
                logger.warning("%s: goes on without CUDA graphs: %s", self._name, str(error).partition("\n")[0])
            if len(self._graphs) > MOST_GRAPHS:
                self._graphs.popitem(last=False)
        return answer

    def _recorded(
        self, record: Recorder, tensors: Sequence[Tensor], numbers: Mapping[str, int], expected: Tensors
    ) -> Recording:
        # Recorded on zeros, so that a replay that does not compute anew is found out.
        given = tuple(torch.zeros_like(tensor) for tensor in tensors)
        replay, answers = record(lambda: self._step(*given, **numbers))
        graph = Recording(given, answers, replay)
        require_alike(graph.run(tensors), expected, self._tolerance)
        return graph


class CudaRecorder:
    """torch's own graphs, recorded on one stream into one pool of memory.

    A graph may be replayed only once the answers of the one before were copied: `Recording.run` copies on the stream
    on which it replays.
    """

    def __init__(self, device: torch.device) -> None:
        """Touches the device only when something is recorded."""
        self._device = device

    def __call__(self, work: Callable[[], Tensors]) -> tuple[Callable[[], None], Tensors]:
        with torch.cuda.device(self._device):
            aside = self._stream
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(WARM_RUNS):  # libraries set themselves up at the first run, which cannot be recorded
                    work()
            torch.cuda.current_stream().wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            # What other threads do meanwhile, allocating for one, is not to spoil the recording.
            with torch.cuda.graph(graph, pool=self._pool, stream=aside, capture_error_mode="thread_local"):
                answers = work()
        return graph.replay, answers

    @cached_property
    def _stream(self) -> torch.cuda.Stream:
        return torch.cuda.Stream()  # type: ignore[no-untyped-call]

    @cached_property
    def _pool(self) -> _POOL_HANDLE:
        return torch.cuda.graph_pool_handle()


def shape_of(tensors: Sequence[Tensor], numbers: Mapping[str, int]) -> object:
    """What kernels are chosen by."""
    return tuple((tensor.shape, tensor.dtype) for tensor in tensors), tuple(sorted(numbers.items()))


def require_alike(answer: Tensors, expected: Tensors, tolerance: float) -> None:
    """Raises ValueError for an answer that is off by more than that share of the expected one's length."""
    for place, (one, other) in enumerate(zip(answer, expected, strict=True)):
        if one.shape != other.shape or one.dtype != other.dtype:
            found, wanted = (f"{tensor.dtype} {list(tensor.shape)}" for tensor in (one, other))
            raise ValueError(f"answer {place} is {found}, not {wanted}")
        length = max(float(other.float().norm()), torch.finfo(torch.float32).tiny)
        off = float((one.float() - other.float()).norm()) / length
        if not off <= tolerance:
            raise ValueError(f"answer {place} is off by {off:.2g} of its length")
