"""Steps recorded as CUDA graphs, one per frequent shape: a replay launches one graph instead of every kernel.

A graph reads and writes the same memory at every replay. So inputs are copied into the graph's buffers, and outputs are
copied before the next replay: a caller never holds memory that a replay overwrites.
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
"""Tensors by position and integers by name to tensors. Holds no state and does not change its inputs."""

Recorder = Callable[[Callable[[], Tensors]], tuple[Callable[[], None], Tensors]]
"""Runs work and returns its replay on the same memory, and the tensors that the replay writes."""

CALLS_BEFORE = 2
"""Calls with a shape before it is recorded: the shapes of the first frames, with growing memories, do not recur."""
MOST_GRAPHS = 8
"""Graphs of one step; each holds memory. The least recently used one is dropped."""
WARM_RUNS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One graph. inputs, outputs: its buffers, with the shapes and dtypes of the recorded call."""

    inputs: Tensors
    outputs: Tensors
    replay: Callable[[], None]

    def run(self, tensors: Sequence[Tensor]) -> Tensors:
        for own, tensor in zip(self.inputs, tensors, strict=True):
            own.copy_(tensor)
        self.replay()
        return tuple(output.clone() for output in self.outputs)


class Graphed:
    """A step that records a graph per frequent shape. After a failed recording it runs without graphs."""

    def __init__(self, name: str, step: Step, record: Recorder, *, tolerance: float) -> None:
        """tolerance: the most difference of a graph's output, as a share of the norm of the step's output."""
        self._name = name
        self._step = step
        self._record: Recorder | None = record
        self._tolerance = tolerance
        self._calls: Counter[object] = Counter()
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
        output = self._step(*tensors, **numbers)
        self._calls[shape] += 1
        if self._record is not None and self._calls[shape] > CALLS_BEFORE:
            try:
                self._graphs[shape] = self._recorded(self._record, tensors, numbers, output)
            except Exception as error:  # out of memory included: the step itself does not need the graph's memory
                self._record = None
                self._graphs.clear()
                logger.warning("%s: goes on without CUDA graphs: %s", self._name, str(error).partition("\n")[0])
            if len(self._graphs) > MOST_GRAPHS:
                self._graphs.popitem(last=False)
        return output

    def _recorded(
        self, record: Recorder, tensors: Sequence[Tensor], numbers: Mapping[str, int], expected: Tensors
    ) -> Recording:
        # Recorded on zeros, so that a replay that does not compute is detected.
        inputs = tuple(torch.zeros_like(tensor) for tensor in tensors)
        replay, outputs = record(lambda: self._step(*inputs, **numbers))
        graph = Recording(inputs, outputs, replay)
        require_alike(graph.run(tensors), expected, self._tolerance)
        return graph


class CudaRecorder:
    """Records torch's graphs on one stream into one memory pool.

    A graph may be replayed only after the outputs of the previous one were copied: `Recording.run` copies on the stream
    of the replay.
    """

    def __init__(self, device: torch.device) -> None:
        """Uses the device only while recording."""
        self._device = device

    def __call__(self, work: Callable[[], Tensors]) -> tuple[Callable[[], None], Tensors]:
        with torch.cuda.device(self._device):
            side_stream = self._stream
            side_stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side_stream):
                for _ in range(WARM_RUNS):  # libraries initialise at the first run, which cannot be recorded
                    work()
            torch.cuda.current_stream().wait_stream(side_stream)
            graph = torch.cuda.CUDAGraph()
            # thread_local: allocations of other threads do not break the recording.
            with torch.cuda.graph(graph, pool=self._pool, stream=side_stream, capture_error_mode="thread_local"):
                outputs = work()
        return graph.replay, outputs

    @cached_property
    def _stream(self) -> torch.cuda.Stream:
        return torch.cuda.Stream()  # type: ignore[no-untyped-call]

    @cached_property
    def _pool(self) -> _POOL_HANDLE:
        return torch.cuda.graph_pool_handle()


def shape_of(tensors: Sequence[Tensor], numbers: Mapping[str, int]) -> object:
    """The key by which kernels are chosen: shapes, dtypes and numbers."""
    return tuple((tensor.shape, tensor.dtype) for tensor in tensors), tuple(sorted(numbers.items()))


def require_alike(output: Tensors, expected: Tensors, tolerance: float) -> None:
    """Raises ValueError if shape or dtype differ, or values by more than `tolerance` of the expected norm."""
    for number, (one, other) in enumerate(zip(output, expected, strict=True)):
        if one.shape != other.shape or one.dtype != other.dtype:
            found, wanted = (f"{tensor.dtype} {list(tensor.shape)}" for tensor in (one, other))
            raise ValueError(f"output {number} is {found}, not {wanted}")
        norm = max(float(other.float().norm()), torch.finfo(torch.float32).tiny)
        off = float((one.float() - other.float()).norm()) / norm
        if not off <= tolerance:
            raise ValueError(f"output {number} is off by {off:.2g} of its norm")
