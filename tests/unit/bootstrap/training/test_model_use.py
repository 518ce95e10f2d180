"""The model in use: activated, rolled back, followed by workers."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from backend.bootstrap.container import Container
from backend.bootstrap.training.model_use import (
    ModelWatch,
    chosen_model,
    model_uses,
    require_usable,
    roll_back,
    use_model,
)
from backend.domain.errors import IntegrityError, InvalidInput, ModelError, NotFound
from backend.settings import Settings
from tests.fakes.trainings import write_trained


@pytest.fixture
def container(tmp_path: Path) -> Container:
    for name in ("p7-one", "p7-two"):
        write_trained(tmp_path / "models", name)
    return Container(Settings(data_dir=tmp_path))


def test_checkpoints_are_activated_and_rolled_back(container: Container) -> None:
    assert chosen_model(container) == "auto"
    use_model(container, "p7-one", "lead@example.org")
    use_model(container, "p7-one")  # nothing changes
    use_model(container, "p7-two")
    other_process = Container(container.settings)
    assert chosen_model(other_process) == "p7-two"
    assert [roll_back(container), roll_back(container)] == ["p7-one", "auto"]
    with pytest.raises(NotFound, match="nothing to roll back"):
        roll_back(container)


def test_a_named_model_counts_before_an_activated_one(container: Container, tmp_path: Path) -> None:
    use_model(container, "p7-one")
    named = Container(Settings(data_dir=tmp_path, model="demo"))
    assert chosen_model(named) == "demo"
    with pytest.raises(InvalidInput, match="MASKLET_MODEL=demo names the model in use.*set it to auto"):
        use_model(named, "p7-two")


def test_damaged_checkpoints_are_refused_with_the_way_back(container: Container, tmp_path: Path) -> None:
    use_model(container, "p7-one")
    weights = tmp_path / "models/trained/p7-one/weights.safetensors"
    weights.write_bytes(b"other bytes")
    with pytest.raises(IntegrityError, match="SHA-256"):
        use_model(container, "p7-one")
    weights.unlink()
    with pytest.raises(ModelError, match=r"weights.safetensors is missing.*go back .*: masklet models rollback"):
        require_usable(container)
    assert roll_back(container) == "auto"
    assert require_usable(container) == "auto"
    with pytest.raises(ModelError, match="no checkpoint 'p7-none'"):
        use_model(container, "p7-none")
    (tmp_path / "model-in-use.json").write_text("[{")
    with pytest.raises(ModelError, match=r"model-in-use.json.* cannot be read; remove it"):
        chosen_model(container)


def test_a_worker_stops_for_another_model_between_jobs(container: Container, tmp_path: Path) -> None:
    stopped = threading.Event()
    watch = ModelWatch(container, stopped.set)
    watch.check()
    assert not stopped.is_set()
    use_model(container, "p7-one")
    (tmp_path / "models/trained/p7-one/card.json").unlink()
    watch.check()
    assert not stopped.is_set(), "a model that cannot be loaded is not followed"
    use_model(container, "p7-two")
    with watch.watching(lambda: True):
        assert not stopped.wait(1.2), "not while a job runs"
    with watch.watching(lambda: False):
        assert stopped.wait(60)
    assert model_uses(container).active() is not None
