"""Faster steps, and the way back from one that does not work."""

from __future__ import annotations

import logging
from threading import Thread

import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters

from backend.adapters.sam2.runtime.compiled_steps import MODES, CompiledStep, CompiledSteps, Compiling, reason_of
from backend.adapters.sam2.runtime.cuda_graphs import Tensors
from tests.unit.adapters.sam2.runtime.test_cuda_graphs import Recorder

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def fresh_compiler() -> None:
    """What other tests had compiled of the same functions would be taken."""
    torch._dynamo.reset()


def doubled(tensor: Tensor) -> tuple[Tensor]:
    return (tensor * 2,)


def never(tensor: Tensor) -> Tensors:
    raise ValueError("Failed to find a C compiler\n\nSet CC")


def stages(mode: str, *, backend: str = "eager", record: Recorder | None = None) -> CompiledSteps:
    return CompiledSteps(Compiling(mode, backend, record), device=CPU, precision=torch.float32)


def graphs() -> int:
    return int(counters["stats"]["unique_graphs"])


class TestStage:
    def test_the_fast_form_answers(self) -> None:
        asked: list[Tensor] = []

        def fast(tensor: Tensor) -> tuple[Tensor]:
            asked.append(tensor)
            return (tensor + tensor,)

        stage = CompiledStep("step", doubled, {"fast": fast}, tolerance=0.01)
        assert [stage(torch.tensor([float(i)]))[0].item() for i in range(3)] == [0.0, 2.0, 4.0]
        assert (len(asked), stage.form) == (3, "fast")

    def test_one_that_fails_goes_on_as_it_was_and_says_so_once(self, caplog: pytest.LogCaptureFixture) -> None:
        stage = CompiledStep("image encoder", doubled, {"compiled": never}, tolerance=0.01)
        assert [stage(torch.tensor([float(i)]))[0].item() for i in range(3)] == [0.0, 2.0, 4.0]
        assert stage.form == "as written"
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("WARNING", "image encoder: compiled it fails, goes on as written: ValueError: Failed to find a C compiler")
        ]

    def test_the_next_best_form_is_tried_first(self, caplog: pytest.LogCaptureFixture) -> None:
        forms = {"compiled, in CUDA graphs": never, "in CUDA graphs": lambda tensor: (tensor + tensor,)}
        stage = CompiledStep("image encoder", doubled, forms, tolerance=0.01)
        assert [stage(torch.tensor([float(i)]))[0].item() for i in range(3)] == [0.0, 2.0, 4.0]
        assert stage.form == "in CUDA graphs"
        (record,) = caplog.records
        assert "compiled, in CUDA graphs it fails, goes on in CUDA graphs: ValueError" in record.getMessage()

    def test_one_that_answers_otherwise_is_not_believed(self, caplog: pytest.LogCaptureFixture) -> None:
        stage = CompiledStep("image encoder", doubled, {"compiled": lambda tensor: (tensor * 2.1,)}, tolerance=0.01)
        assert stage(torch.ones(3))[0].tolist() == [2.0, 2.0, 2.0]
        assert stage.form == "as written"
        assert "answer 0 is off by 0.05 of its length" in caplog.text

    def test_every_shape_is_compared_once(self) -> None:
        compared: list[int] = []

        def plain(tensor: Tensor) -> tuple[Tensor]:
            compared.append(len(tensor))
            return (tensor * 2,)

        stage = CompiledStep("step", plain, {"compiled": doubled}, tolerance=0.01)
        for length in (1, 2, 1, 2, 3, 1):
            stage(torch.ones(length))
        assert compared == [1, 2, 3]

    def test_memory_that_does_not_suffice_is_no_reason_to_go_back(self) -> None:
        def exhausted(tensor: Tensor) -> Tensors:
            raise torch.OutOfMemoryError("no more")

        stage = CompiledStep("step", doubled, {"compiled": exhausted}, tolerance=0.01)
        with pytest.raises(torch.OutOfMemoryError):
            stage(torch.ones(1))
        assert stage.form == "compiled"

    def test_what_the_plain_step_raises_is_raised(self) -> None:
        with pytest.raises(ValueError, match="C compiler"):
            CompiledStep("step", never, {"compiled": never}, tolerance=0.01)(torch.ones(1))


class TestStages:
    @pytest.mark.parametrize("mode", ["off", "graphs"])
    def test_as_written(self, mode: str) -> None:
        """Without a CUDA device there are no graphs to record."""
        made = stages(mode)
        before = graphs()
        assert made.add("step", doubled)(torch.ones(1))[0].item() == 2.0
        assert (made.any_fast, made.report, graphs()) == (False, "as written: step", before)

    def test_compiled_once_for_all_lengths(self) -> None:
        made = stages("default")
        step = made.add("step", doubled, varying={0: (0,)})
        before = graphs()
        for length in (4, 5, 6, 7, 40):
            assert step(torch.ones(length))[0].tolist() == [2.0] * length
        assert (graphs() - before, made.report) == (1, "compiled: step")

    def test_compiled_for_each_of_few_shapes(self) -> None:
        step = stages("default").add("step", doubled)
        before = graphs()
        for length in (4, 5, 4, 5):
            step(torch.ones(length))
        assert graphs() - before == 2

    def test_the_compilable_form_is_what_is_compiled(self) -> None:
        step = stages("default").add("step", doubled, compilable=lambda tensor: (tensor + tensor,))
        assert step(torch.ones(2))[0].tolist() == [2.0, 2.0]

    @pytest.mark.parametrize(("mode", "recorded"), [("off", 0), ("graphs", 1), ("default", 0), ("max", 1)])
    def test_which_modes_record_graphs(self, mode: str, recorded: int) -> None:
        record = Recorder()
        step = stages(mode, record=record).add("step", doubled)
        for value in range(5):
            assert step(torch.full((2,), float(value)))[0].tolist() == [2.0 * value] * 2
        assert record.recorded == recorded

    def test_without_a_compiler_there_are_graphs_still(self) -> None:
        record = Recorder()
        made = stages("max", backend="no such backend", record=record)
        step = made.add("step", doubled)
        for value in range(5):
            assert step(torch.full((2,), float(value)))[0].tolist() == [2.0 * value] * 2
        assert (record.recorded, made.report) == (1, "in CUDA graphs: step")

    def test_a_backend_that_there_is_not(self, caplog: pytest.LogCaptureFixture) -> None:
        made = stages("default", backend="no such backend")
        assert made.add("step", doubled)(torch.ones(1))[0].item() == 2.0
        (record,) = [record for record in caplog.records if record.name.startswith("backend")]
        assert record.levelno == logging.WARNING
        assert record.getMessage().startswith("step: compiled it fails, goes on as written: InvalidBackend: ")
        assert made.report == "as written: step"


def test_every_mode_is_one_of_them() -> None:
    assert [mode for mode in MODES if Compiling(mode).compiles] == ["default", "max"]
    assert [mode for mode in MODES if Compiling(mode, record=Recorder()).recorder(CPU)] == ["graphs", "max"]


def test_a_reason_is_one_line_of_readable_length() -> None:
    assert reason_of(RuntimeError("\n\n  first \nsecond")) == "RuntimeError: first"
    assert reason_of(RuntimeError()) == "RuntimeError"
    assert len(reason_of(RuntimeError("x" * 9999))) == 300


def test_another_thread_takes_what_was_compiled_in_the_first() -> None:
    """Jobs have threads of their own, one at a time."""
    step = stages("default").add("step", doubled, varying={0: (0,)})
    before = graphs()
    for length in (3, 4, 5):
        thread = Thread(target=step, args=(torch.ones(length),))
        thread.start()
        thread.join()
    step(torch.ones(6))
    assert graphs() - before == 1
