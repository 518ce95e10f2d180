"""Steps of the model, compiled by torch or recorded as CUDA graphs, with a fallback to the plain step.

A step that cannot be compiled, or whose faster form gives another output than the plain one, falls back to CUDA graphs
without the compiler, or to the plain step. One warning names the step and the reason. Outputs are compared once per
shape, because kernels are chosen and graphs are recorded by shape.
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
from backend.application.ports.progress import work_moved

logger = logging.getLogger(__name__)

MODES = ("off", "graphs", "default", "max")
"""off: steps as written. graphs: the same kernels, recorded as CUDA graphs. default: compiled. max: compiled with
autotuned kernels, and recorded as CUDA graphs."""

Varying = Mapping[int, Sequence[int]]
"""By position of a tensor argument, its dimensions that change from call to call."""

_COMPILER_MODES = {"default": "default", "max": "max-autotune-no-cudagraphs"}
_RECORDED = ("graphs", "max")
_TOLERANCES = {torch.float32: 0.01, torch.bfloat16: 0.05}
"""The most difference of a faster step's output, as a share of the plain output's norm; rounding stays far below."""
_LONGEST_REASON = 300

COMPILED, RECORDED, BOTH, AS_WRITTEN = "compiled", "in CUDA graphs", "compiled, in CUDA graphs", "as written"
"""Forms of a step, for the log."""


@dataclass(frozen=True, slots=True)
class Compiling:
    """The way of making steps faster. mode: one of MODES. backend: torch.compile's.

    record: records graphs; None: torch's graphs on a CUDA device, no graphs elsewhere.
    """

    mode: str = "off"
    backend: str = "inductor"
    record: Recorder | None = None

    @property
    def compiles(self) -> bool:
        """Whether torch's compiler compiles the steps; it must then know their layers."""
        return self.mode in _COMPILER_MODES

    def recorder(self, device: torch.device) -> Recorder | None:
        """The recorder of a device; None if no graphs are recorded."""
        if self.mode not in _RECORDED:
            return None
        return self.record or (CudaRecorder(device) if device.type == "cuda" else None)

    def compiled(self, step: Step, varying: Varying | None) -> Step:
        """A step compiled by torch at its first call. varying: see CompiledSteps.add."""
        compiled: list[Step] = []

        def run(*tensors: Tensor, **numbers: int) -> Tensors:
            if not compiled:  # not earlier: compilation may fail, and CompiledStep falls back from here
                compiled.append(self._made(step, dynamic=None if varying else False))
            for position, dimensions in (varying or {}).items():
                _mark(tensors[position], dimensions)
            return compiled[0](*tensors, **numbers)

        return run

    def _made(self, step: Step, *, dynamic: bool | None) -> Step:
        # Modes are sets of the inductor's options; other backends have none.
        mode = _COMPILER_MODES[self.mode] if self.backend == "inductor" else None
        return cast(Step, torch.compile(step, fullgraph=True, dynamic=dynamic, backend=self.backend, mode=mode))


class CompiledSteps:
    """The steps of one model, with one way of compiling."""

    def __init__(self, compiling: Compiling, *, device: torch.device, precision: torch.dtype) -> None:
        self._compiling = compiling
        self._record = compiling.recorder(device)
        self._tolerance = _TOLERANCES[precision]
        self._all: list[CompiledStep] = []

    def add(
        self, name: str, plain: Step, *, compilable: Step | None = None, varying: Varying | None = None
    ) -> CompiledStep:
        """Adds a step, compiled or recorded if possible. compilable: compiled instead of the plain step.

        varying: None for a step with few shapes; each gets kernels of its own.
        """
        compiled = self._compiling.compiled(compilable or plain, varying) if self._compiling.compiles else None
        forms: dict[str, Step] = {COMPILED: compiled} if compiled else {}
        if self._record is not None:
            graphs = partial(Graphed, name, record=self._record, tolerance=self._tolerance)
            forms = {BOTH: graphs(step=compiled)} if compiled else {}
            forms[RECORDED] = graphs(step=plain)
        step = CompiledStep(name, plain, forms, tolerance=self._tolerance)
        self._all.append(step)
        return step

    @property
    def report(self) -> str:
        """The steps by form, for the log."""
        by_form: dict[str, list[str]] = {}
        for step in self._all:
            by_form.setdefault(step.form, []).append(step.name)
        return "; ".join(f"{form}: {', '.join(names)}" for form, names in by_form.items())

    @property
    def any_fast(self) -> bool:
        return any(step.form != AS_WRITTEN for step in self._all)


class CompiledStep:
    """A named step in its fastest working form. Tensor shapes and dtypes are those of the plain step."""

    def __init__(self, name: str, plain: Step, forms: Mapping[str, Step], *, tolerance: float) -> None:
        """forms: faster forms by name, the best first."""
        self.name = name
        self._plain = plain
        self._forms = list(forms.items())
        self._tolerance = tolerance
        self._checked_shapes: set[object] = set()

    @property
    def form(self) -> str:
        """The form in use."""
        return self._forms[0][0] if self._forms else AS_WRITTEN

    def __call__(self, *tensors: Tensor, **numbers: int) -> Tensors:
        """The step's output. Raises what the plain step raises, and torch.OutOfMemoryError."""
        work_moved()
        while self._forms:
            form, fast = self._forms[0]
            try:
                return self._checked(fast, tensors, numbers)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # compilers raise any type; the plain step raises errors of the input
                del self._forms[0]
                self._checked_shapes.clear()
                logger.warning("%s: %s it fails, goes on %s: %s", self.name, form, self.form, reason_of(error))
        return self._plain(*tensors, **numbers)

    def _checked(self, fast: Step, tensors: Sequence[Tensor], numbers: Mapping[str, int]) -> Tensors:
        shape = shape_of(tensors, numbers)
        if shape in self._checked_shapes:
            return fast(*tensors, **numbers)
        started = time.perf_counter()
        output = fast(*tensors, **numbers)
        taken = time.perf_counter() - started
        require_alike(output, self._plain(*tensors, **numbers), self._tolerance)
        if not self._checked_shapes:
            logger.info("%s: %s after %.1f s", self.name, self.form, taken)
        self._checked_shapes.add(shape)
        return output


def reason_of(error: BaseException) -> str:
    """The type and the first line of a compiler's error, at most 300 characters."""
    line = next((text.strip() for text in str(error).splitlines() if text.strip()), "")
    return f"{type(error).__name__}: {line}"[:_LONGEST_REASON].removesuffix(": ")


def _mark(tensor: Tensor, dimensions: Sequence[int]) -> None:
    """Marks dimensions to be compiled for all lengths at once. A length of one always has kernels of its own."""
    for dimension in dimensions:
        if tensor.size(dimension) > 1:
            torch._dynamo.maybe_mark_dynamic(tensor, dimension)
