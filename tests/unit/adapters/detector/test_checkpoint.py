"""Which folder is a detector's, and what is said of one that is none."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from backend.adapters.detector import checkpoint
from backend.adapters.detector.checkpoint import FAMILIES, find_detector, require_detector
from backend.domain.errors import DetectorMissing, ModelError


def folder_of(models: Path, config: object, *, weights: str = "model.safetensors") -> Path:
    folder = models / "detector"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    (folder / weights).touch()
    return folder


@pytest.mark.parametrize("kind", FAMILIES)
def test_each_family_is_found_by_its_config(tmp_path: Path, kind: str) -> None:
    folder = folder_of(tmp_path, {"model_type": kind})
    found = require_detector(tmp_path)
    assert (found.folder, found.family) == (folder, FAMILIES[kind])


def test_weights_may_be_in_parts(tmp_path: Path) -> None:
    folder_of(tmp_path, {"model_type": "owlv2"}, weights="model.safetensors.index.json")
    assert find_detector(tmp_path) is not None


def test_without_the_folder_there_is_none_and_it_is_said_what_to_put_there(tmp_path: Path) -> None:
    assert find_detector(tmp_path) is None
    with pytest.raises(
        DetectorMissing, match=r"put the files of one, such as .*grounding-dino-tiny.* the folder detector"
    ):
        require_detector(tmp_path)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "detr"}, "model_type 'detr' is no detector that Masklet runs; it runs Grounding DINO, MM "),
        ({}, "model_type 'None' is no detector"),
        ([1], "model_type 'None' is no detector"),
        ({"model_type": ["owlv2"]}, "is no detector that Masklet runs"),
        ("{", "detector/config.json in the model folder: it cannot be read as JSON"),
    ],
)
def test_another_models_folder_is_refused(tmp_path: Path, config: object, said: str) -> None:
    folder_of(tmp_path, config)
    with pytest.raises(ModelError) as refused:
        find_detector(tmp_path)
    assert said in str(refused.value)
    assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize("gone", ["config.json", "model.safetensors"])
def test_a_folder_without_config_or_weights_is_refused(tmp_path: Path, gone: str) -> None:
    (folder_of(tmp_path, {"model_type": "owlv2"}) / gone).unlink()
    with pytest.raises(ModelError, match=r"needs config\.json and model\.safetensors of a detector"):
        find_detector(tmp_path)


def test_a_missing_package_is_told_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of(tmp_path, {"model_type": "owlv2"})
    monkeypatch.setattr(
        checkpoint, "find_spec", lambda name: None if name == "transformers" else importlib.util.find_spec(name)
    )
    with pytest.raises(
        ModelError, match="needs the package transformers, which is not installed: pip install transformers"
    ):
        find_detector(tmp_path)
