"""The training loop: steps reduce the loss, a run resumes from its snapshot, an exported checkpoint loads."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from backend.adapters.sam2.weights.checkpoint_files import require_hash
from backend.domain.errors import IntegrityError
from backend.training.drawn.scenes import SceneSpec, render_batch
from backend.training.losses import frame_loss
from scripts.training.export import averaged_weights, write_checkpoint
from scripts.training.loop import Batch, RunPlan, Trainer

SPEC = SceneSpec(frames=2, size_px=128, targets=2, difficulty=0.0, motion=1.0, hiding=0.0)


@pytest.fixture(scope="module")
def batch() -> Batch:
    return render_batch(5, 0, 1, SPEC)


def weights_of(trainer: Trainer) -> torch.Tensor:
    return torch.cat([value.flatten() for value in trainer.model.parameters()]).detach()


def test_steps_on_one_clip_reduce_its_loss(batch: Batch, tmp_path: Path) -> None:
    trainer = Trainer(RunPlan(minutes=1, seed=3, peak_rate=2e-3), tmp_path)
    losses = [trainer.train_step(0, batch).loss.item() for _ in range(14)]
    assert np.isfinite(losses).all()
    assert np.mean(losses[-4:]) < 0.8 * np.mean(losses[:4])


def test_a_resumed_run_equals_the_unbroken_one(batch: Batch, tmp_path: Path) -> None:
    unbroken = Trainer(RunPlan(minutes=1, seed=3), tmp_path / "unbroken")
    for _ in range(2):
        unbroken.train_step(0, batch)
    unbroken.save()
    resumed = Trainer(RunPlan(minutes=1, seed=3), tmp_path / "unbroken")
    assert resumed.resume()
    unbroken.train_step(0, batch)
    resumed.train_step(0, batch)
    assert resumed.progress == unbroken.progress
    assert torch.allclose(weights_of(resumed), weights_of(unbroken), atol=1e-6)


def test_an_exported_checkpoint_is_small_and_hashed(tmp_path: Path) -> None:
    trainer = Trainer(RunPlan(minutes=1, seed=3), tmp_path)
    trainer.save()
    sha256 = write_checkpoint(averaged_weights(trainer.snapshot_path), tmp_path, {"image_size": 128})
    path = tmp_path / "demo.safetensors"
    facts = json.loads((tmp_path / "demo.json").read_text())
    assert facts["sha256"] == sha256
    assert path.stat().st_size == facts["bytes"] < 20_000_000
    require_hash(path, sha256)
    trainer.model.load_state_dict(load_file(path))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError, match="SHA-256"):
        require_hash(path, sha256)


def test_the_loss_of_right_and_wrong_masks() -> None:
    truth = torch.zeros(1, 1, 32, 32)
    truth[..., 8:24, 8:24] = 1
    good = torch.where(torch.nn.functional.avg_pool2d(truth, 2) > 0.5, 20.0, -20.0).expand(1, 3, 16, 16)
    counted, presence = torch.ones(1), torch.full((1, 1), 10.0)
    right = frame_loss(good, torch.ones(1, 3), presence, truth, counted, 0.5)
    wrong = frame_loss(-good, torch.zeros(1, 3), presence, truth, counted, 0.5)
    assert right.total < 0.1
    assert right.chosen_iou.item() == pytest.approx(1.0, abs=0.06)
    assert wrong.total > 1


def test_an_absent_object_has_a_presence_loss_only() -> None:
    truth = torch.zeros(1, 1, 32, 32)
    noise = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    loss = frame_loss(noise, torch.rand(1, 3), torch.full((1, 1), -10.0), truth, torch.ones(1), 0.5)
    assert loss.total < 1e-3


def test_two_snapshots_are_averaged(tmp_path: Path) -> None:
    for name, value in (("early.pt", 1.0), ("late.pt", 3.0)):
        torch.save({"average": {"w": torch.full((2,), value), "n": torch.tensor(int(value))}}, tmp_path / name)
    blended = averaged_weights(tmp_path / "late.pt", tmp_path / "early.pt")
    assert blended["w"].tolist() == [2.0, 2.0]
    assert blended["n"].item() == 3
