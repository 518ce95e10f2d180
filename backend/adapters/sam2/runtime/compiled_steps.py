"""Steps of the model made faster for their shapes, by torch's compiler or as recorded CUDA graphs, with a way back.

A step that cannot be compiled, or whose faster form answers otherwise than the plain one, goes on without: in graphs
alone, or as it was written. One warning says which step and why, and nothing is lost but time. The answer is compared
once for every shape, for kernels are chosen and graphs are recorded by shape.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor

from backend.adapters.sam2.runtime.cuda_graphs import (
    CudaRecorder,
    Graphed,
    Recorder,
    Step,
    Tensors,
    require_alike,
    shape_of,
)

logger = logging.getLogger(__name__)

MODES = ("off", "graphs", "default", "max")
"""off: steps as they are written. graphs: the same kernels, recorded as CUDA graphs. default: compiled. max: compiled,
kernels tried out, and recorded as CUDA graphs."""

Varying = Mapping[int, Sequence[int]]
"""By position of a tensor argument, those of its dimensions that change from call to call."""

_COMPILER_MODES = {"default": "default", "max": "max-autotune-no-cudagraphs"}
_RECORDED = ("graphs", "max")
_TOLERANCES = {torch.float32: 0.01, torch.bfloat16: 0.05}
"""Of a faster step's answer, as a share of the plain one's length: rounding stays far below."""
_LONGEST_REASON = 300

COMPILED, RECORDED, BOTH, AS_WRITTEN = "compiled", "in CUDA graphs", "compiled, in CUDA graphs", "as written"
"""Forms of a step, for the log."""


@dataclass(frozen=True, slots=True)
class Compiling:
    """How steps are to be made faster. mode: one of MODES. backend: torch.compile's.

    record: how graphs are recorded; None: on a CUDA device as torch does it, elsewhere not at all.
    """

    mode: str = "off"
    backend: str = "inductor"
    record: Recorder | None = None

    @property
    def compiles(self) -> bool:
        """Whether torch's compiler works on the steps, whose layers must then be such that it knows."""
        return self.mode in _COMPILER_MODES

    def recorder(self, device: torch.device) -> Recorder | None:
        """None if no graphs are recorded."""
        if self.mode not in _RECORDED:
            return None
        return self.record or (CudaRecorder(device) if device.type == "cuda" else None)

    def compiled(self, step: Step, varying: Varying | None) -> Step:
        """What torch's compiler makes of a step; it does so at the first call. varying: see Stages.add."""
        made: list[Step] = []

        def run(*tensors: Tensor, **numbers: int) -> Tensors:
            if not made:  # not sooner, for it may fail here already, and there is a way back from here
                made.append(self._made(step, dynamic=None if varying else False))
            for position, dimensions in (varying or {}).items():
                _mark(tensors[position], dimensions)
            return made[0](*tensors, **numbers)

        return run

    def _made(self, step: Step, *, dynamic: bool | None) -> Step:
        # The inductor's modes are sets of its options; other backends have none.
        mode = _COMPILER_MODES[self.mode] if self.backend == "inductor" else None
        return cast(Step, torch.compile(step, fullgraph=True, dynamic=dynamic, backend=self.backend, mode=mode))


class CompiledSteps:
    """The steps of one model, made faster in one way."""

    def __init__(self, compiling: Compiling, *, device: torch.device, precision: torch.dtype) -> None:
        self._compiling = compiling
        self._record = compiling.recorder(device)
        self._tolerance = _TOLERANCES[precision]
        self._all: list[CompiledStep] = []

    def add(
        self, name: str, plain: Step, *, compilable: Step | None = None, varying: Varying | None = None
    ) -> CompiledStep:
        """A step that is fast where it can be. compilable: what is compiled, if not the plain step.

        varying: None if the step is asked with few shapes, each worth kernels of its own.
        """
        compiled = self._compiling.compiled(compilable or plain, varying) if self._compiling.compiles else None
        forms: dict[str, Step] = {COMPILED: compiled} if compiled else {}
        if self._record is not None:
            graphs = partial(Graphed, name, record=self._record, tolerance=self._tolerance)
            forms = {BOTH: graphs(step=compiled)} if compiled else {}
            forms[RECORDED] = graphs(step=plain)
        stage = CompiledStep(name, plain, forms, tolerance=self._tolerance)
        self._all.append(stage)
        return stage

    @property
    def report(self) -> str:
        """Which steps run in which form, for the log."""
        by_form: dict[str, list[str]] = {}
        for stage in self._all:
            by_form.setdefault(stage.form, []).append(stage.name)
        return "; ".join(f"{form}: {', '.join(names)}" for form, names in by_form.items())

    @property
    def any_fast(self) -> bool:
        return any(stage.form != AS_WRITTEN for stage in self._all)


class CompiledStep:
    """A named step, in the fastest of its forms that works."""

    def __init__(self, name: str, plain: Step, forms: Mapping[str, Step], *, tolerance: float) -> None:
        """forms: faster ones by what they are called, the best first."""
        self.name = name
        self._plain = plain
        self._forms = list(forms.items())
        self._tolerance = tolerance
        self._known: set[object] = set()

    @property
    def form(self) -> str:
        """Which one answers now."""
        return self._forms[0][0] if self._forms else AS_WRITTEN

    def __call__(self, *tensors: Tensor, **numbers: int) -> Tensors:
        """The step's answer. Raises what the plain step raises, and torch.OutOfMemoryError."""
        while self._forms:
            form, fast = self._forms[0]
            try:
                return self._tried(fast, tensors, numbers)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # compilers raise what they like; what the input is to blame for, plain says
                del self._forms[0]
                self._known.clear()
                logger.warning("%s: %s it fails, goes on %s: %s", self.name, form, self.form, reason_of(error))
        return self._plain(*tensors, **numbers)

    def _tried(self, fast: Step, tensors: Sequence[Tensor], numbers: Mapping[str, int]) -> Tensors:
        shape = shape_of(tensors, numbers)
        if shape in self._known:
            return fast(*tensors, **numbers)
        started = time.perf_counter()
        answer = fast(*tensors, **numbers)
        taken = time.perf_counter() - started
        require_alike(answer, self._plain(*tensors, **numbers), self._tolerance)
        if not self._known:
            logger.info("%s: %s after %.1f s", self.name, self.form, taken)
        self._known.add(shape)
        return answer


def reason_of(error: BaseException) -> str:
    """What a compiler's error says first; the rest is for those who write compilers."""
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {said}"[:_LONGEST_REASON].removesuffix(": ")


def _mark(tensor: Tensor, dimensions: Sequence[int]) -> None:
    """Have these dimensions compiled for all lengths at once. A length of one has kernels of its own anyway."""
    for dimension in dimensions:
        if tensor.size(dimension) > 1:
            torch._dynamo.maybe_mark_dynamic(tensor, dimension)
