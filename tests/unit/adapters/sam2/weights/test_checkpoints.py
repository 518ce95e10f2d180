"""Finding, checking and loading checkpoints."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend.adapters.sam2.engine import load_engine
from backend.adapters.sam2.runtime.options import EngineOptions
from backend.adapters.sam2.weights import checkpoints
from backend.adapters.sam2.weights.checkpoint_files import Architecture, Checkpoint, require_trainable
from backend.adapters.sam2.weights.checkpoints import PUBLISHED, find, tracker_files
from backend.adapters.sam2.weights.load import build_model, load_model, model_config
from backend.domain.errors import IntegrityError, InvalidInput, ModelError
from backend.domain.geometry import Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.video import FrameIndex
from tests.fakes.models import SMALL_CONFIG
from tests.integration.engine.oracle import PanningVideo


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped folder, with a demo checkpoint of random weights."""
    folder = tmp_path_factory.mktemp("shipped")
    (folder / "demo.yaml").write_text(SMALL_CONFIG.read_text())
    save_file(dict(build_model(SMALL_CONFIG).state_dict()), folder / "demo.safetensors")
    sha256 = hashlib.sha256((folder / "demo.safetensors").read_bytes()).hexdigest()
    (folder / "demo.json").write_text(json.dumps({"sha256": sha256, "image_size": 128}))
    return folder


@pytest.fixture
def shipped(demo_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(checkpoints, "SHIPPED_DIR", demo_folder)
    return demo_folder


def put(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / PUBLISHED[name].file_name).write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    ("present", "best"),
    [
        ((), "demo"),
        (("tiny",), "tiny"),
        (("tiny", "small"), "small"),
        (("base_plus", "small"), "base_plus"),
        (("tiny", "large", "base_plus"), "large"),
    ],
)
def test_auto_is_the_best_present_checkpoint(
    shipped: Path, tmp_path: Path, present: tuple[str, ...], best: str
) -> None:
    assert find("auto", put(tmp_path / "models", *present)).name == best


def test_the_version_names_the_weights(shipped: Path) -> None:
    demo = find("demo", None)
    assert demo.version == f"masklet-demo-{demo.sha256[:8]}"
    assert demo.is_demo


def test_every_published_config_is_in_the_sam2_package(tmp_path: Path) -> None:
    for name in PUBLISHED:
        config = find(name, put(tmp_path, name)).config
        assert model_config(config).image_size == 1024


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("huge", "there is no checkpoint 'huge'; choose auto, tiny, small, base_plus, large, edgetam, sam3, demo"),
        ("large", "fetch it with `masklet models pull large`"),
        ("edgetam", r"put edgetam/model\.safetensors and edgetam/config\.json there, from the repository yonigozlan"),
        ("sam3", r"put sam3/model\.safetensors and sam3/config\.json there, from the repository facebook/sam3"),
    ],
)
def test_a_missing_checkpoint_is_named_with_the_remedy(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        find(name, tmp_path)


def put_tracker(name: str, model_type: str, folder: Path, content: bytes = b"weights") -> Path:
    config = json.dumps({"model_type": model_type}).encode()
    for file, body in zip(tracker_files(name), (content, config), strict=True):
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_bytes(body)
    return folder


@pytest.mark.parametrize(
    ("name", "model_type", "sizes"), [("edgetam", "edgetam_video", (1024, 256)), ("sam3", "sam3_video", (1008, 336))]
)
def test_another_tracker_is_found_by_name_alone(
    name: str, model_type: str, sizes: tuple[int, int], shipped: Path, tmp_path: Path
) -> None:
    found = find(name, put_tracker(name, model_type, tmp_path))
    assert found.architecture is Architecture.TRANSFORMERS
    assert (found.own_image_size, found.image_size_step) == sizes
    assert found.version == f"masklet-{name}-{hashlib.sha256(b'weights').hexdigest()[:8]}"
    assert find("auto", tmp_path).name == "demo"
    assert find(name, put_tracker(name, model_type, tmp_path, b"others")).version != found.version
    with pytest.raises(InvalidInput, match=f"{name} cannot be trained: start from a SAM 2.1 checkpoint"):
        require_trainable(found)


def test_no_checkpoint_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "SHIPPED_DIR", tmp_path)
    with pytest.raises(ModelError, match="no checkpoint is present: fetch one"):
        find("auto", None)


def test_a_checkpoint_loads_with_its_own_weights(shipped: Path) -> None:
    checkpoint = find("demo", None)
    model = load_model(checkpoint)
    assert not model.training
    expected: Mapping[str, torch.Tensor] = build_model(checkpoint.config).state_dict()
    assert model.state_dict().keys() == expected.keys()
    assert model.sam_mask_decoder.dynamic_multimask_via_stability
    assert model.binarize_mask_from_pts_for_mem_enc


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "x.pt", {"model": {}})
    checkpoint.weights.write_bytes(checkpoint.weights.read_bytes() + b"!")
    with pytest.raises(IntegrityError, match=r"x\.pt has SHA-256 .* remove it and fetch it anew"):
        load_model(checkpoint)


def saved(path: Path, content: object) -> Checkpoint:
    torch.save(content, path)
    return Checkpoint("tiny", path, hashlib.sha256(path.read_bytes()).hexdigest(), SMALL_CONFIG)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"the weights in x\.pt do not fit small_model\.yaml"):
        load_model(saved(tmp_path / "x.pt", {"model": {"weight": torch.zeros(1)}}))


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"x\.pt is not a checkpoint that can be read"):
        load_model(saved(tmp_path / "x.pt", {"other": 1}))


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path(self.target),)  # type: ignore[return-value]

    target = ""


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    Evil.target = str(tmp_path / "touched")
    path.write_bytes(pickle.dumps({"model": Evil()}, protocol=2))
    checkpoint = Checkpoint("tiny", path, hashlib.sha256(path.read_bytes()).hexdigest(), SMALL_CONFIG)
    with pytest.raises(ModelError, match="is not a checkpoint that can be read"):
        load_model(checkpoint)
    assert not (tmp_path / "touched").exists()


def test_an_engine_has_its_model_info(shipped: Path) -> None:
    engine = load_engine("demo", model_dir=None, device="cpu", threads=1)
    assert (engine.model.name, engine.model.device, engine.model.image_size) == ("demo", "cpu", 128)
    assert engine.model.is_demo
    assert engine.model.version == find("demo", None).version


def test_a_checkpoint_computes_in_bfloat16_on_a_cpu(shipped: Path) -> None:
    """torch refuses that with weights that were made in inference mode."""
    click = FramePrompt(ObjectId("a"), FrameIndex(1), (PointPrompt(Point(0.5, 0.5)),))
    prompts = PromptSet.of([click], {ObjectId("a"): "Cell"})
    masks = []
    for precision in ("bfloat16", "float32"):
        engine = load_engine(
            "demo", model_dir=None, device="cpu", threads=1, options=EngineOptions(precision=precision)
        )
        (shown,) = engine.segment(PanningVideo(2), prompts, FrameIndex(1)).objects
        masks.append(shown.mask)
    in_bfloat16, in_float32 = masks
    assert in_bfloat16.shape == in_float32.shape
    assert (in_bfloat16 != in_float32).mean() < 0.1


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "mps", "gpu!"])
def test_a_missing_device(shipped: Path, device: str) -> None:
    with pytest.raises(ModelError, match="device"):
        load_engine("demo", model_dir=None, device=device, threads=1)
