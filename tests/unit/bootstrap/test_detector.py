"""What `masklet doctor` says of the detector, and what loads one."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.bootstrap.container import Container
from backend.bootstrap.detection.detector import detector_finding, load_detector
from backend.bootstrap.finding import Finding, Verdict, guarded
from backend.domain.errors import DetectorMissing
from backend.settings import Settings
from scripts.demonstration.demo_clip import demo_clip

MODELS = Path(__file__).parents[2] / "data"
"""The model folder of the detector that knows the demo's clip."""


def container_of(folder: Path, models: Path) -> Container:
    return Container(Settings(data_dir=folder, model_dir=models, device="cpu", threads=1))


def found_in(container: Container) -> Finding:
    return guarded("detector", lambda: detector_finding(container))


def test_a_detector_that_is_there_is_named_and_can_be_loaded(tmp_path: Path) -> None:
    container = container_of(tmp_path, MODELS)
    found = found_in(container)
    assert (found.verdict, found.sentence) == (Verdict.OK, f"OWLv2 in {MODELS / 'detector'}, not loaded")
    (fish,) = load_detector(container, shares_cores=True).detect(demo_clip().frames[0], "fish")
    assert fish.score > 0.9


def test_without_one_nothing_is_wrong_and_a_search_is_refused(tmp_path: Path) -> None:
    container = container_of(tmp_path, tmp_path / "models")
    found = found_in(container)
    assert found.verdict is Verdict.OK
    assert found.sentence == f"none in {tmp_path / 'models' / 'detector'}: objects are not found by text"
    with pytest.raises(DetectorMissing):
        load_detector(container, shares_cores=True)


def test_a_folder_that_is_no_detectors_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "models" / "detector").mkdir(parents=True)
    found = found_in(container_of(tmp_path, tmp_path / "models"))
    assert found.verdict is Verdict.FAIL
    assert "needs config.json and model.safetensors of a detector" in found.sentence
