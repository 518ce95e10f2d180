"""Continued training: it resumes as if unbroken, saves on a signal, and does not count stopped time."""

from __future__ import annotations

import fcntl
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.training.drawn.scenes import SceneSpec, render_batch
from scripts.train_on_pictures import parse_arguments, train
from scripts.training import continued, mixture
from scripts.training.continued import ContinuedPlan, ContinuedTraining, Counters
from scripts.training.judge import held_out_judge
from scripts.training.mixture import DataPlan
from scripts.training.model import CONFIG_PATH
from scripts.training.photographic.scenes import Batch
from scripts.training.pictures.library import MissingPictures, Part
from scripts.training.weights_file import engine_of, read_weights
from tests.unit.training.pictures_on_disk import small_index

SIDE = 128
WEIGHTS, _ = read_weights(CONFIG_PATH.with_name("demo.safetensors"))
PLAN = ContinuedPlan(minutes=1, peak_rate=1e-3)


def batch_of(_plan: DataPlan, step: int) -> Batch:
    return render_batch(9, step, 1, SceneSpec(2, SIDE, 2, 0.3, 1.0, 0.0))


class Inline(Executor):
    """Renders in the calling thread when a batch is submitted; before the n-th one it calls the given function."""

    def __init__(self, before: Callable[[int], None] = lambda _: None) -> None:
        self.count = 0
        self.before = before

    def submit(self, _function, /, plan, step) -> Future[Batch]:  # type: ignore[no-untyped-def, override]  # noqa: ANN001
        self.before(self.count)
        self.count += 1
        future: Future[Batch] = Future()
        future.set_result(batch_of(plan, step))
        return future


def training(folder: Path, plan: ContinuedPlan = PLAN) -> ContinuedTraining:
    return ContinuedTraining(plan, DataPlan(folder, Part.TRAINING, 7, SIDE), folder / "run", WEIGHTS)


def parameters(run: ContinuedTraining) -> torch.Tensor:
    return torch.cat([value.flatten() for value in run.model.parameters()]).detach()


def test_a_run_starts_from_the_given_weights(tmp_path: Path) -> None:
    run = training(tmp_path)
    name = next(iter(WEIGHTS))
    assert torch.equal(run.model.state_dict()[name], WEIGHTS[name].float())


def test_a_resumed_run_equals_the_unbroken_one(tmp_path: Path) -> None:
    unbroken = training(tmp_path)
    unbroken.train_step(batch_of(unbroken.data, 0))
    unbroken.save()
    resumed = training(tmp_path)
    resumed.resume()
    for run in (unbroken, resumed):
        run.train_step(batch_of(run.data, 1))
    assert resumed.counters == unbroken.counters
    assert torch.allclose(parameters(resumed), parameters(unbroken), atol=1e-6)
    assert not list((tmp_path / "run").glob("*.partial"))


def test_a_signal_ends_the_run_with_a_saved_state(tmp_path: Path) -> None:
    run = training(tmp_path, ContinuedPlan(minutes=60, lookahead=1))
    run.run(Inline(before=lambda count: run.stop(signal.SIGTERM) if count == 2 else None))
    assert run.counters.steps == 3
    saved = training(tmp_path)
    saved.resume()
    assert saved.counters == run.counters
    assert engine_of(*read_weights(run.state_path)).model.image_size == SIDE


def test_a_run_ends_when_its_minutes_are_used_up(tmp_path: Path) -> None:
    run = training(tmp_path, ContinuedPlan(minutes=0.001, lookahead=1))
    run.run(Inline())
    assert run.counters.steps == 1
    assert run.state_path.is_file()


def test_the_time_of_a_stopped_step_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(continued, "LONGEST_COUNTED_STEP_S", 0.01)
    run = training(tmp_path, ContinuedPlan(minutes=0.0001, lookahead=1))
    run.run(Inline())
    assert run.counters.seconds == pytest.approx(0.01)


def refusal(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["train_on_pictures", *arguments])
    with pytest.raises((SystemExit, MissingPictures)) as caught:
        train(parse_arguments())
    return str(caught.value)


def test_the_command_names_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ("--run", str(tmp_path), "--pictures", str(tmp_path))
    assert refusal(monkeypatch, *run, "--resume") == f"there is no state to resume: {tmp_path}/state.pt"
    assert "run ./scripts/fetch_training_pictures" in refusal(monkeypatch, *run)


def test_a_folder_has_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert refusal(monkeypatch, "--run", str(tmp_path)) == f"another run, maybe a stopped one, uses {tmp_path}"


def test_a_state_is_not_overwritten_by_a_new_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = small_index(tmp_path)
    run = training(tmp_path)
    run.save()
    said = refusal(monkeypatch, "--run", str(run.folder), "--pictures", str(pictures))
    assert said.endswith("is there: continue it with --resume, or name another folder with --run")


def test_the_rate_rises_stays_and_falls(tmp_path: Path) -> None:
    run = training(tmp_path, ContinuedPlan(minutes=100, peak_rate=1.0, cool_down=10))
    rates = []
    for minutes, steps in ((0, 0), (50, 5000), (95, 9000), (100, 9999)):
        run.counters = Counters(seconds=60 * minutes, steps=steps)
        rates.append(run.learning_rate())
    assert rates == [0.01, 1.0, 0.5, 0.02]


def test_the_judge_s_figures_are_ious_of_held_out_pictures(tmp_path: Path) -> None:
    data = DataPlan(small_index(tmp_path), Part.TRAINING, 7, SIDE)
    figures = held_out_judge(data, clips=2)({name: value.float() for name, value in WEIGHTS.items()}, SIDE)
    assert sorted(figures) == ["box", "click", "tracked"]
    assert all(0 <= value <= 1 for value in figures.values())
    assert figures["box"] > 0.3


def test_a_batch_of_the_mixture_is_a_function_of_its_step(tmp_path: Path) -> None:
    data = DataPlan(small_index(tmp_path), Part.TRAINING, 7, 64)
    first, again = (mixture.draw_mixed_batch(data, 3) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
