"""`./scripts/bench engine`, the parts that run in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from backend.domain.errors import Cancelled, DeviceOutOfMemory
from backend.domain.prompts import PromptSet
from scripts.benchmarks.engine import main
from scripts.benchmarks.engine_figures import busy_cores, cuda, interrupted, values
from scripts.benchmarks.engine_figures.models import seeded_pair
from scripts.benchmarks.engine_figures.setup import Setup


class AfterFive:
    """Cancels a propagation of two objects after five frames: called once per prompt, then once per frame."""

    def __init__(self) -> None:
        self.calls = 0

    def raise_if_cancelled(self) -> None:
        self.calls += 1
        if self.calls > 7:
            raise Cancelled("stopped")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_quick_parity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick", "--only", "parity", "--json", str(tmp_path / "figures.json")])
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["quick"] is True
    assert figures["parity.iou_min"] >= 0.999
    assert figures["parity.logit_max"] <= 1e-3
    assert figures["parity.masks"] == 24
    assert "| smallest IoU with upstream's mask | `parity.iou_min` | ≥ 0.999 |" in capsys.readouterr().out


def test_quick_trackers(tmp_path: Path) -> None:
    main(["--quick", "--only", "trackers", "--json", str(tmp_path / "figures.json")])
    figures = json.loads((tmp_path / "figures.json").read_text())
    for name in ("click", "frame_1", "frame_5"):
        assert min(figures[f"trackers.{key}"] for key in (f"edgetam_{name}", f"tiny_{name}_s", f"edgetam_{name}_s")) > 0


def test_an_interrupted_propagation_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    interrupted.propagate(whole, frames=9, every=3)
    with monkeypatch.context() as patched:
        patched.setattr(interrupted, "NeverCancelled", AfterFive)
        with pytest.raises(Cancelled):
            interrupted.propagate(killed, frames=9, every=3)
    expected = interrupted.masks_path(whole).read_bytes()
    assert 0 < len(interrupted.masks_path(killed).read_bytes()) < len(expected)
    interrupted.propagate(killed, frames=9, every=3)
    assert interrupted.masks_path(killed).read_bytes() == expected
    assert expected.count(b"\n") == 2 * 9


def test_propagations_beside_other_work() -> None:
    with busy_cores.busy_processes(1):
        assert busy_cores.frames_a_second(1, "1000", engines=2, duration_s=0.1, frames=2) > 0


def test_the_gpus_table_without_a_gpu() -> None:
    """Its steps are the same on a CPU, where upstream is exact in float32."""
    wanted = cuda.Table(
        models=("tiny",), objects=(1,), image_size=128, frames=3, repeats=1, variants=("graphs",), compiled=False
    )
    figures = dict(cuda.table(torch.device("cpu"), wanted))
    speeds = ("ours_fps", "eager_fps", "over_eager", "ours_graphs_fps", "over_ours_graphs")
    assert set(figures) == {
        *(f"cuda.tiny.1.{scope}.{name}" for scope in ("gpu", "whole") for name in speeds),
        *(f"cuda.tiny.parity.{name}" for name in ("ours_error", "upstream_error", "ours_over_upstream")),
    }
    assert all(value > 0 for key, value in figures.items() if ".1." in key)
    assert figures["cuda.tiny.parity.upstream_error"] == 0.0
    assert figures["cuda.tiny.parity.ours_error"] <= 1e-4


@pytest.mark.parametrize("objects", [1, 10])
def test_a_side_that_fails_is_not_in_the_table(objects: int, capsys: pytest.CaptureFixture[str]) -> None:
    def runs(prompts: PromptSet, scope: str) -> None:
        assert (len(prompts.object_ids), scope) == (objects, "gpu")

    def exhausted(prompts: PromptSet, scope: str) -> None:
        raise DeviceOutOfMemory("the memory of cuda did not suffice")

    sides = {"ours": runs, "eager": exhausted}
    wanted = cuda.Table(frames=5, repeats=2)
    assert set(cuda.frames_a_second(sides, wanted, objects, "gpu")) == {"ours"}
    assert (
        capsys.readouterr().out == f"  eager with {objects} objects does not run: the memory of cuda did not suffice\n"
    )


def test_mixed_precision_errs_no_more_than_upstreams_own() -> None:
    """In bfloat16, which a CPU computes slowly, with the same rules."""
    device = torch.device("cpu")
    pair = seeded_pair("tiny", device, image_size=128, precision="bfloat16")
    figures = dict(cuda.errors("tiny", pair, 6))
    assert figures["cuda.tiny.parity.upstream_error"] > 1e-3
    assert figures["cuda.tiny.parity.ours_over_upstream"] <= 1.1


def test_values_narrower_than_keys_give_the_same_answer() -> None:
    problem = values.make_problem(2, 6, torch.device("cpu"))
    times = values.best_times(problem, torch.device("cpu"), repeats=1)
    assert list(times) == ["before", "after", "after_in_blocks"]
    for way in (values.after, values.after_in_blocks):
        assert torch.allclose(way(problem), values.before(problem), atol=1e-5)


def test_the_gpus_table_asks_for_a_gpu() -> None:
    with pytest.raises(SystemExit, match="needs a CUDA device: add --device cuda"):
        list(cuda.measure(Setup(torch.device("cpu"))))
