"""A calibrator fits one file of weights; other calibrators are ignored with a logged reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.adapters.sam2.weights import calibrators
from backend.adapters.sam2.weights.calibrators import find_calibrator, stamped_version
from backend.adapters.sam2.weights.checkpoint_files import Checkpoint
from backend.domain.uncertainty.calibration import Calibrator, Layer, Network
from backend.domain.uncertainty.features import FEATURES

CHECKPOINT_SHA256 = "12" * 32


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    monkeypatch.setattr(calibrators, "SHIPPED_DIR", tmp_path / "shipped")
    return Checkpoint("tiny", tmp_path / "weights.pt", CHECKPOINT_SHA256, tmp_path / "tiny.yaml")


def fitted(sha256: str) -> Calibrator:
    network = Network((Layer(np.ones((len(FEATURES), 1)), np.zeros(1)),))
    unit = np.array([0.0, 1.0])
    ones = np.ones(len(FEATURES))
    return Calibrator(sha256, ones * 0, ones, (network,), (network,), unit, unit, ("parade",))


def put(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "tiny.calibrator.json").write_text(text, encoding="utf-8")


def test_without_a_calibrator_the_version_is_the_checkpoints(checkpoint: Checkpoint) -> None:
    assert find_calibrator(checkpoint) is None
    assert stamped_version(checkpoint) == "masklet-tiny-12121212"


def test_a_calibrator_is_stamped_into_the_version(checkpoint: Checkpoint) -> None:
    made = fitted(CHECKPOINT_SHA256)
    put(checkpoint.weights.parent, made.to_text())
    found = find_calibrator(checkpoint)
    assert found is not None
    assert found.digest == made.digest
    assert stamped_version(checkpoint) == f"masklet-tiny-12121212-u{made.digest}"


def test_a_shipped_calibrator_serves_a_published_checkpoint(checkpoint: Checkpoint, tmp_path: Path) -> None:
    put(tmp_path / "shipped", fitted(CHECKPOINT_SHA256).to_text())
    assert find_calibrator(checkpoint) is not None


@pytest.mark.parametrize(
    ("text", "why"), [(fitted("34" * 32).to_text(), "fitted to other weights"), ("{", "cannot be read")]
)
def test_a_foreign_or_broken_calibrator_is_ignored(
    checkpoint: Checkpoint, text: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    put(checkpoint.weights.parent, text)
    assert find_calibrator(checkpoint) is None
    assert why in caplog.text
    assert stamped_version(replace(checkpoint)) == "masklet-tiny-12121212"
