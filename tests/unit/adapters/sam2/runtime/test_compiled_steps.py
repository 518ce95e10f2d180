"""Faster steps, and the fallback to the plain step."""

from __future__ import annotations

import logging
from threading import Thread

import pytest
import torch
from torch import Tensor

from backend.adapters.sam2.runtime.compiled_steps import MODES, CompiledStep, CompiledSteps, Compiling, reason_of
from backend.adapters.sam2.runtime.cuda_graphs import Tensors
from tests.unit.adapters.sam2.runtime.test_cuda_graphs import Recorder

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def fresh_compiler() -> None:
    """Drops what other tests compiled of the same functions."""
    torch._dynamo.reset()


def doubled(tensor: Tensor) -> tuple[Tensor]:
    return (tensor * 2,)


def never(tensor: Tensor) -> Tensors:
    raise ValueError("Failed to find a C compiler\n\nSet CC")


def compiled_steps(mode: str, *, backend: str = "eager", record: Recorder | None = None) -> CompiledSteps:
    return CompiledSteps(Compiling(mode, backend, record), device=CPU, precision=torch.float32)


def graphs() -> int:
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


class TestCompiledStep:
    def test_the_fast_form_answers(self) -> None:
        calls: list[Tensor] = []

        def fast(tensor: Tensor) -> tuple[Tensor]:
            calls.append(tensor)
            return (tensor + tensor,)

        step = CompiledStep("step", doubled, {"fast": fast}, tolerance=0.01)
        assert [step(torch.tensor([float(i)]))[0].item() for i in range(3)] == [0.0, 2.0, 4.0]
        assert (len(calls), step.form) == (3, "fast")

    def test_a_failed_form_falls_back_with_one_warning(self, caplog: pytest.LogCaptureFixture) -> None:
        step = CompiledStep("image encoder", doubled, {"compiled": never}, tolerance=0.01)
        assert [step(torch.tensor([float(i)]))[0].item() for i in range(3)] == [0.0, 2.0, 4.0]
        assert step.form == "as written"
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("WARNING", "image encoder: compiled it fails, goes on as written: ValueError: Failed to find a C compiler")
        ]

    def test_the_next_best_form_is_next(self, caplog: pytest.LogCaptureFixture) -> None:
        forms = {"compiled, in CUDA graphs": never, "in CUDA graphs": lambda tensor: (tensor + tensor,)}
        step = CompiledStep("image encoder", doubled, forms, tolerance=0.01)
        assert [step(torch.tensor([float(i)]))[0].item() for i in range(3)] == [0.0, 2.0, 4.0]
        assert step.form == "in CUDA graphs"
        (record,) = caplog.records
        assert "compiled, in CUDA graphs it fails, goes on in CUDA graphs: ValueError" in record.getMessage()

    def test_a_form_with_another_output_falls_back(self, caplog: pytest.LogCaptureFixture) -> None:
        step = CompiledStep("image encoder", doubled, {"compiled": lambda tensor: (tensor * 2.1,)}, tolerance=0.01)
        assert step(torch.ones(3))[0].tolist() == [2.0, 2.0, 2.0]
        assert step.form == "as written"
        assert "output 0 is off by 0.05 of its norm" in caplog.text

    def test_every_shape_is_compared_once(self) -> None:
        compared: list[int] = []

        def plain(tensor: Tensor) -> tuple[Tensor]:
            compared.append(len(tensor))
            return (tensor * 2,)

        step = CompiledStep("step", plain, {"compiled": doubled}, tolerance=0.01)
        for length in (1, 2, 1, 2, 3, 1):
            step(torch.ones(length))
        assert compared == [1, 2, 3]

    def test_out_of_memory_does_not_fall_back(self) -> None:
        def exhausted(tensor: Tensor) -> Tensors:
            raise torch.OutOfMemoryError("no more")

        step = CompiledStep("step", doubled, {"compiled": exhausted}, tolerance=0.01)
        with pytest.raises(torch.OutOfMemoryError):
            step(torch.ones(1))
        assert step.form == "compiled"

    def test_errors_of_the_plain_step_are_raised(self) -> None:
        with pytest.raises(ValueError, match="C compiler"):
            CompiledStep("step", never, {"compiled": never}, tolerance=0.01)(torch.ones(1))


class TestCompiledSteps:
    @pytest.mark.parametrize("mode", ["off", "graphs"])
    def test_as_written(self, mode: str) -> None:
        """Without a CUDA device no graphs are recorded."""
        steps = compiled_steps(mode)
        before = graphs()
        assert steps.add("step", doubled)(torch.ones(1))[0].item() == 2.0
        assert (steps.any_fast, steps.report, graphs()) == (False, "as written: step", before)

    def test_compiled_once_for_all_lengths(self) -> None:
        steps = compiled_steps("default")
        step = steps.add("step", doubled, varying={0: (0,)})
        before = graphs()
        for length in (4, 5, 6, 7, 40):
            assert step(torch.ones(length))[0].tolist() == [2.0] * length
        assert (graphs() - before, steps.report) == (1, "compiled: step")

    def test_compiled_for_each_of_few_shapes(self) -> None:
        step = compiled_steps("default").add("step", doubled)
        before = graphs()
        for length in (4, 5, 4, 5):
            step(torch.ones(length))
        assert graphs() - before == 2

    def test_the_compilable_form_is_what_is_compiled(self) -> None:
        step = compiled_steps("default").add("step", doubled, compilable=lambda tensor: (tensor + tensor,))
        assert step(torch.ones(2))[0].tolist() == [2.0, 2.0]

    @pytest.mark.parametrize(("mode", "recorded"), [("off", 0), ("graphs", 1), ("default", 0), ("max", 1)])
    def test_which_modes_record_graphs(self, mode: str, recorded: int) -> None:
        record = Recorder()
        step = compiled_steps(mode, record=record).add("step", doubled)
        for value in range(5):
            assert step(torch.full((2,), float(value)))[0].tolist() == [2.0 * value] * 2
        assert record.recorded == recorded

    def test_a_failed_compiler_leaves_the_graphs(self) -> None:
        record = Recorder()
        steps = compiled_steps("max", backend="no such backend", record=record)
        step = steps.add("step", doubled)
        for value in range(5):
            assert step(torch.full((2,), float(value)))[0].tolist() == [2.0 * value] * 2
        assert (record.recorded, steps.report) == (1, "in CUDA graphs: step")

    def test_a_missing_backend(self, caplog: pytest.LogCaptureFixture) -> None:
        steps = compiled_steps("default", backend="no such backend")
        assert steps.add("step", doubled)(torch.ones(1))[0].item() == 2.0
        (record,) = [record for record in caplog.records if record.name.startswith("backend")]
        assert record.levelno == logging.WARNING
        assert record.getMessage().startswith("step: compiled it fails, goes on as written: InvalidBackend: ")
        assert steps.report == "as written: step"


def test_every_mode_is_one_of_them() -> None:
    assert [mode for mode in MODES if Compiling(mode).compiles] == ["default", "max"]
    assert [mode for mode in MODES if Compiling(mode, record=Recorder()).recorder(CPU)] == ["graphs", "max"]


def test_a_reason_is_one_line_of_readable_length() -> None:
    assert reason_of(RuntimeError("\n\n  first \nsecond")) == "RuntimeError: first"
    assert reason_of(RuntimeError()) == "RuntimeError"
    assert len(reason_of(RuntimeError("x" * 9999))) == 300


def test_other_threads_use_the_compiled_step() -> None:
    """Each job has a thread of its own, one at a time."""
    step = compiled_steps("default").add("step", doubled, varying={0: (0,)})
    before = graphs()
    for length in (3, 4, 5):
        thread = Thread(target=step, args=(torch.ones(length),))
        thread.start()
        thread.join()
    step(torch.ones(6))
    assert graphs() - before == 1
