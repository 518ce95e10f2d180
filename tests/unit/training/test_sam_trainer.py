"""The trainer from labels to a checkpoint: what it offers is installed and loaded; a killed one goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.adapters.sam2.engine import load_engine
from backend.adapters.sam2.weights.checkpoints import find
from backend.adapters.sam2.weights.trained import install
from backend.application.ports.engine import NeverCancelled
from backend.domain.errors import Cancelled, InvalidInput
from backend.domain.training import TrainedPart, TrainingPlan, TrainingProgress
from backend.training import mixed_weights, sam_trainer
from backend.training.calibration import refit
from backend.training.judgement import Judgement
from backend.training.measure import general, held_out
from backend.training.measure.gain import Gain
from backend.training.sam_trainer import SamTrainer, TrainerOptions
from backend.training.samples import replay
from tests.unit.training.labelled_clips import disc_labels

PLAN = TrainingPlan("demo", minutes=1e-6, parts=TrainedPart.DECODER)
TRAINER = SamTrainer(TrainerOptions(None, "cpu", threads=1))


@pytest.fixture(autouse=True)
def little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """One short clip of each kind, two clicks, and every checkpoint is offered."""
    monkeypatch.setattr(sam_trainer, "REPLAYED_CLIPS", 1)
    monkeypatch.setattr(mixed_weights, "CLIPS", 1)
    monkeypatch.setattr(refit, "CLIPS", 1)
    monkeypatch.setattr(refit, "FRAMES", 3)
    monkeypatch.setattr(general, "CLIPS", 1)
    monkeypatch.setattr(general, "PROPAGATED_FRAMES", 1)
    monkeypatch.setattr(replay, "FRAMES", 3)
    monkeypatch.setattr(held_out, "MOST_CLICKS", 2)
    offered = Judgement(Gain(0.2, 0.1, 0.3), better=True, reason="Better.")
    monkeypatch.setattr(sam_trainer, "judge", lambda *_: offered)


class InPhase:
    """A CancelToken that cancels in a phase of the progress."""

    def __init__(self, phase: str) -> None:
        self._phase, self.seen = phase, [""]

    def told(self, progress: TrainingProgress) -> None:
        assert 0 <= progress.share <= 1
        self.seen.append(progress.phase)

    def raise_if_cancelled(self) -> None:
        if self._phase and self.seen[-1].startswith(self._phase):
            raise Cancelled("as asked")


def test_an_offered_checkpoint_is_installed_and_loaded(tmp_path: Path) -> None:
    stopped = InPhase("measuring the trained")
    data = disc_labels(4)
    with pytest.raises(Cancelled):
        TRAINER.train(PLAN, data, "discs", tmp_path / "run", progress=stopped.told, cancel=stopped)
    quiet = InPhase("")
    result = TRAINER.train(PLAN, data, "discs", tmp_path / "run", progress=quiet.told, cancel=quiet)
    assert result.checkpoint == "discs"
    assert (result.videos, result.held_out_videos, result.objects, result.frames) == (2, 2, 4, 6)
    assert result.curve[0][2] == result.before.j_and_f
    assert result.curve[-1][2] == result.after.j_and_f
    pictures = sorted(path.name for path in (tmp_path / "run" / "pictures").iterdir())
    assert pictures == ["01-after.jpg", "01-before.jpg", "02-after.jpg", "02-before.jpg"]
    trained = install(tmp_path / "run" / "checkpoint", tmp_path / "models")
    engine = load_engine("discs", model_dir=tmp_path / "models", device="cpu", threads=1)
    assert engine.model.version.startswith(find("discs", tmp_path / "models").version)
    assert not engine.model.is_demo
    assert trained.card["steps"] == 1
    assert trained.card["root"] == "demo"
    assert trained.card["parent"] == {"name": "demo", "sha256": find("demo", None).sha256}
    assert json.dumps(trained.card["before"])


def test_too_few_labels_and_wrong_plans_are_refused(tmp_path: Path) -> None:
    def train(plan: TrainingPlan, name: str, videos: int) -> None:
        TRAINER.train(plan, disc_labels(videos), name, tmp_path, progress=lambda _: None, cancel=NeverCancelled())

    with pytest.raises(InvalidInput, match="a training needs 4"):
        train(PLAN, "discs", 3)
    with pytest.raises(InvalidInput, match="choose another"):
        train(PLAN, "demo", 4)
    with pytest.raises(InvalidInput, match="some minutes"):
        train(TrainingPlan("demo", 0.0, TrainedPart.ALL), "discs", 4)
    assert not list(tmp_path.rglob("*.safetensors"))
