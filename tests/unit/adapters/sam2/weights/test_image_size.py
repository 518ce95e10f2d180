"""The image size: chosen by the settings, part of the version, of snapshots and of cached features."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.features.cache import MIB, FeatureCache
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.weights.calibrators import calibrator_path
from backend.adapters.sam2.weights.checkpoints import PUBLISHED, find
from backend.adapters.sam2.weights.image_size import at_image_size, fitting_size, resize_model
from backend.application.ports.engine import NeverCancelled
from backend.domain.errors import ModelError, SnapshotMismatch
from backend.domain.geometry import Box
from backend.domain.jobs import ModelInfo
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex
from tests.fakes.models import random_model
from tests.integration.engine.oracle import SIZE, PanningVideo

BOXED = PromptSet.of([FramePrompt(ObjectId("a"), FrameIndex(0), box=Box(0.2, 0.25, 0.7, 0.9))], {})


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    (tmp_path / PUBLISHED["tiny"].file_name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "wanted", "on_gpu", "size", "suffix"),
    [
        ("tiny", "auto", True, 1024, ""),
        ("tiny", "auto", False, 512, "-512px"),
        ("tiny", "1024", False, 1024, ""),
        ("tiny", "768", True, 768, "-768px"),
        ("demo", "auto", False, 192, ""),
        ("demo", "auto", True, 192, ""),
        ("demo", "256", False, 256, "-256px"),
    ],
)
def test_the_chosen_size_and_version(
    name: str, wanted: str, on_gpu: bool, size: int, suffix: str, model_dir: Path
) -> None:
    checkpoint = at_image_size(find(name, model_dir), wanted, on_gpu=on_gpu)
    assert checkpoint.image_size == size
    assert checkpoint.version == f"masklet-{name}-{checkpoint.sha256[:8]}{suffix}"
    assert calibrator_path(checkpoint).name == f"{name}{suffix}.calibrator.json"


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        ("500", "480 and 512 are the nearest"),
        ("100", "128 and 160 are the nearest"),
        ("9999", "2016 and 2048 are the nearest"),
        ("large", "choose auto or a multiple of 32 from 128 to 2048$"),
        ("-512", "choose auto or a multiple of 32 from 128 to 2048$"),
    ],
)
def test_a_size_that_does_not_fit_is_refused(wanted: str, near: str) -> None:
    with pytest.raises(ModelError, match=f"MASKLET_IMAGE_SIZE is '{wanted}'.*{near}"):
        fitting_size(wanted)


@pytest.mark.parametrize(("wanted", "near"), [("480", "256 and 512 are the nearest"), ("large", "from 256 to 2048$")])
def test_sizes_of_a_model_with_larger_steps(wanted: str, near: str) -> None:
    assert fitting_size("768", 256) == 768
    with pytest.raises(ModelError, match=f"a multiple of 256 from 256 to 2048.*{near}|{near}"):
        fitting_size(wanted, 256)


def engine_at(size: int, features: FeatureCache) -> Sam2Engine:
    """The random model at a size, with the same model version at every size."""
    model = random_model()
    resize_model(model, size)
    return Sam2Engine(Sam2Blocks(model), ModelInfo("random", "same", size, "cpu", is_demo=True), features=features)


def test_sizes_share_neither_features_nor_snapshots() -> None:
    features = FeatureCache(64 * MIB, device=torch.device("cpu"))
    small, large = (engine_at(size, features) for size in (128, 160))
    video = PanningVideo(3)
    assert small.segment(video, BOXED, FrameIndex(0)).objects[0].mask.shape == (SIZE.height, SIZE.width)
    assert len(features) == 1
    large.segment(video, BOXED, FrameIndex(0))
    assert len(features) == 2
    run = small.propagate(video, BOXED, direction=Direction.FORWARD, cancel=NeverCancelled())
    next(iter(run))
    with pytest.raises(SnapshotMismatch, match=r"the snapshot has another image size \(128, not 160\)"):
        large.propagate(video, BOXED, direction=Direction.FORWARD, cancel=NeverCancelled(), resume=run.snapshot())
