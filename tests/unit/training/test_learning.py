"""Steps of a training: resumed as if unbroken, saved when cancelled, ended by a loss that is no number."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from backend.application.ports.engine import NeverCancelled
from backend.domain.errors import Cancelled, IntegrityError
from backend.domain.training import TrainedPart
from backend.training import learning as learning_module
from backend.training.learning import MOST_FAILED_STEPS, Learning, LearningPlan
from backend.training.objective import Outcome
from backend.training.samples.batches import Batches, BatchPlan
from backend.training.samples.features import KeptFeatures
from backend.training.samples.reading import keep_pictures, read_source
from backend.training.samples.videos import PictureFolder
from tests.fakes.models import IMAGE_SIZE, random_model
from tests.unit.training.labelled_clips import disc_labels

PLAN = LearningPlan(minutes=1000, part=TrainedPart.MEMORY, peak_rate=1e-3, most_steps=3)


def learning_in(folder: Path, plan: LearningPlan = PLAN) -> Learning:
    source = disc_labels(2)
    found = read_source(source, NeverCancelled())
    pictures = PictureFolder(folder / "kept", IMAGE_SIZE)
    keep_pictures(source, found, pictures, NeverCancelled())
    batches = Batches(BatchPlan(1, IMAGE_SIZE, 2, 1), [video for _, video in found], [], pictures)
    model = random_model()
    features = None if plan.part is TrainedPart.ALL else KeptFeatures(model, folder / "features", 2**26)
    return Learning(plan, model, batches, features, folder)


def weights(learning: Learning) -> torch.Tensor:
    return torch.cat([value.flatten() for value in learning.model.state_dict().values()])


class AfterSteps:
    """A CancelToken that cancels at the n-th question."""

    def __init__(self, count: int) -> None:
        self.left = count

    def raise_if_cancelled(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Cancelled("enough")


def unheard(share: float, figures: dict[str, float]) -> None:
    assert 0 <= share <= 1


def test_a_killed_training_goes_on_as_the_unbroken_one(tmp_path: Path) -> None:
    unbroken = learning_in(tmp_path / "a")
    unbroken.run(unheard, NeverCancelled())
    killed = learning_in(tmp_path / "b")
    with pytest.raises(Cancelled):
        killed.run(unheard, AfterSteps(2))
    killed.take(killed.batches.draw(2))  # lost: not saved
    resumed = learning_in(tmp_path / "b")
    assert resumed.resume()
    assert resumed.counters.steps == 2
    assert 0 < resumed.counters.seconds < killed.counters.seconds + 1000
    resumed.run(unheard, NeverCancelled())
    assert resumed.counters.steps == 3
    assert torch.allclose(weights(resumed), weights(unbroken), atol=1e-5)
    assert not list((tmp_path / "b").glob("*.partial"))


def test_the_encoder_stays_as_it_is(tmp_path: Path) -> None:
    learning = learning_in(tmp_path)
    first = {name: value.clone() for name, value in learning.model.state_dict().items()}
    learning.take(learning.batches.draw(0))
    changed = {name for name, value in learning.model.state_dict().items() if not torch.equal(value, first[name])}
    assert changed
    assert not [name for name in changed if name.startswith("image_encoder.") or ".conv_s" in name]


def test_all_parts_include_the_encoder(tmp_path: Path) -> None:
    learning = learning_in(tmp_path, LearningPlan(1000, TrainedPart.ALL, 1e-3))
    first = {name: value.clone() for name, value in learning.model.state_dict().items()}
    learning.take(learning.batches.draw(0))
    changed = {name for name, value in learning.model.state_dict().items() if not torch.equal(value, first[name])}
    assert any(name.startswith("image_encoder.") for name in changed)


def test_a_loss_that_is_no_number_ends_with_the_weights_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learning = learning_in(tmp_path, LearningPlan(1000, TrainedPart.DECODER, 1e-3, most_steps=50))
    learning.take(learning.batches.draw(0))
    before = {name: value.clone() for name, value in learning.average.items()}
    nan = torch.zeros((), requires_grad=True) * float("nan")
    monkeypatch.setattr(learning_module, "of_labelled", lambda *_: Outcome(nan, {}))
    learning.run(unheard, NeverCancelled())
    assert learning.counters.steps == 1 + MOST_FAILED_STEPS
    assert "no number" in learning.learnt.stopped
    assert all(torch.equal(value, before[name]) for name, value in learning.average.items())
    assert all(bool(torch.isfinite(value).all()) for value in learning.trained.values())


def test_a_state_of_another_training_is_refused(tmp_path: Path) -> None:
    learning_in(tmp_path).save()
    other = learning_in(tmp_path, LearningPlan(1000, TrainedPart.ALL, 1e-3))
    with pytest.raises(IntegrityError, match="another training"):
        other.resume()
    other.state_path.write_bytes(b"damaged")
    with pytest.raises(IntegrityError):
        other.resume()


def test_kept_features_are_read_again_and_bounded(tmp_path: Path) -> None:
    model = random_model()
    features = KeptFeatures(model, tmp_path, 2**26)
    frame = torch.randint(0, 255, (IMAGE_SIZE, IMAGE_SIZE, 3), dtype=torch.uint8).numpy()
    made = features.of([(0, 1, 0), (0, 1, 0)], lambda _: frame)
    assert made.levels[-1].shape[1] == 2

    def refused(key: object) -> object:
        raise AssertionError(f"{key} is kept")

    again = KeptFeatures(model, tmp_path, 2**26).of([(0, 1, 0)], refused)  # type: ignore[arg-type]
    assert torch.allclose(again.levels[0][:, 0], made.levels[0][:, 0], atol=1e-2, rtol=1e-2)
    small = KeptFeatures(model, tmp_path, features.bytes_each * 2)
    small.of([(0, number, 0) for number in range(5)], lambda _: frame)
    assert sum(path.stat().st_size for path in tmp_path.glob("*.safetensors")) <= features.bytes_each * 2 + 4096
    (tmp_path / "0000-000004-00.safetensors").write_bytes(b"damaged")
    small.of([(0, 4, 0)], lambda _: frame)
