"""The engine's EdgeTAM against transformers' own model: same weights, same frames, float32, frame by frame."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import cv2
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import EdgeTamVideoModel
from typer.testing import CliRunner

from backend.adapters.sam2.engine import Sam2Engine, load_engine
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.runtime.compiled_steps import Compiling
from backend.adapters.sam2.runtime.options import EngineOptions
from backend.adapters.sam2.trackers import image_encoder_package
from backend.adapters.sam2.weights.checkpoints import tracker_files
from backend.application.ports.engine import NeverCancelled
from backend.domain.errors import ModelError, SnapshotMismatch
from backend.domain.geometry import Point, mask_iou
from backend.domain.masklets import FrameMasks
from backend.domain.prompts import PromptSet
from backend.domain.video import Direction, FrameIndex
from backend.interfaces.cli import app
from scripts.benchmarks.engine_figures.cases import SIZE
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.parity import compared
from scripts.benchmarks.engine_figures.prompting import boxed, clicked, drawn, prompt_set
from tests.fakes.clips import numbered_frame
from tests.integration.engine.edgetam import resized_edgetam, save_edgetam, small_edgetam
from tests.integration.engine.transformers_oracle import (
    FRAMES,
    TransformersSession,
    as_sam2_encodes_masks,
    assert_same,
    differs,
    our_masks,
    reference_logits,
)

CLICK = clicked("a", 0, (0.5, 0.5, True))
BOX = boxed("b", 0, box=(0.2, 0.25, 0.7, 0.9))
TWO = prompt_set([CLICK, BOX])
AS_CHOSEN = EngineOptions()
WEIGHTS, CONFIG = (Path(name).name for name in tracker_files("edgetam"))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def theirs() -> EdgeTamVideoModel:
    return small_edgetam()


@pytest.fixture(scope="module")
def model_dir(theirs: EdgeTamVideoModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    save_edgetam(theirs, folder)
    return folder


@pytest.fixture(scope="module")
def ours(model_dir: Path) -> Sam2Engine:
    return engine(model_dir)


def engine(model_dir: Path, options: EngineOptions = AS_CHOSEN) -> Sam2Engine:
    return load_engine("edgetam", model_dir=model_dir, device="cpu", threads=1, options=options)


@pytest.mark.parametrize(
    "prompts",
    [
        prompt_set([CLICK]),
        prompt_set([clicked("a", 0, (0.4, 0.5, True), (0.9, 0.1, False)), clicked("a", 9, (0.6, 0.4, True))]),
    ],
    ids=["one click", "clicks on two frames"],
)
def test_forward(prompts: PromptSet, ours: Sam2Engine, theirs: EdgeTamVideoModel) -> None:
    assert_same(compared(our_masks(ours, prompts), reference_logits(theirs, FRAMES, prompts)))


def test_two_objects_in_one_session(ours: Sam2Engine, theirs: EdgeTamVideoModel) -> None:
    """transformers tracks one object after the other, the engine both in one batch."""
    session = TransformersSession(theirs, FRAMES)
    session.prompt(TWO)
    assert_same(compared(our_masks(ours, TWO), session.propagate()))


def test_backward(ours: Sam2Engine, theirs: EdgeTamVideoModel) -> None:
    prompts = prompt_set([boxed("a", FRAMES - 1, box=(0.2, 0.25, 0.7, 0.9))])
    assert_same(
        compared(our_masks(ours, prompts, Direction.BACKWARD), reference_logits(theirs, FRAMES, prompts, backward=True))
    )


def test_a_correction_on_a_later_frame(ours: Sam2Engine, theirs: EdgeTamVideoModel) -> None:
    """Negative clicks correct the mask that memory gives on their frame."""
    correction = clicked("b", 12, (0.5, 0.5, False))
    session = TransformersSession(theirs, FRAMES)
    session.prompt(prompt_set([BOX]))
    session.correct(correction)
    found = our_masks(ours, prompt_set([BOX, correction]))
    assert_same(compared(found, session.propagate()))
    assert differs(found, our_masks(ours, prompt_set([BOX])))


def test_a_mask(ours: Sam2Engine, theirs: EdgeTamVideoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    as_sam2_encodes_masks(theirs, monkeypatch)
    prompts = prompt_set([drawn("a", 0, SIZE)])
    assert_same(compared(our_masks(ours, prompts), reference_logits(theirs, FRAMES, prompts)))


def test_another_image_size_is_a_model_built_at_that_size(model_dir: Path, theirs: EdgeTamVideoModel) -> None:
    prompts = prompt_set([BOX])
    larger = engine(model_dir, EngineOptions(image_size="192"))
    assert (larger.model.image_size, larger.model.version[-6:]) == (192, "-192px")
    expected = reference_logits(resized_edgetam(theirs, 192), FRAMES, prompts)
    assert_same(compared(our_masks(larger, prompts), expected))


@pytest.mark.parametrize("part", ["pointers", "plain latents", "placed latents", "places", "spatial memories"])
def test_every_part_of_the_memory_matters(part: str, ours: Sam2Engine, model_dir: Path) -> None:
    """The random weights use each part, so that the comparison would find it wrong."""
    changed = engine(model_dir)
    model = changed.blocks._model
    with torch.inference_mode():  # the weights are inference tensors
        if part == "pointers":
            changed.blocks.pointer_horizon = 6
        elif part == "plain latents":
            model.spatial_perceiver.latents_1d.mul_(-1)
        elif part == "placed latents":
            model.spatial_perceiver.latents_2d.copy_(model.spatial_perceiver.latents_2d.flip(0))
        elif part == "places":
            changed.blocks._memory_encoder._positions.mul_(0.9)
        else:
            changed.blocks.memory_horizon = 3
    prompts = prompt_set([CLICK])
    assert differs(our_masks(changed, prompts), our_masks(ours, prompts))


def test_a_resumed_propagation_gives_identical_masks_and_evidence(ours: Sam2Engine, model_dir: Path) -> None:
    prompts = prompt_set([CLICK, BOX, clicked("b", 9, (0.5, 0.5, False))])
    run = partial(ours.propagate, PanningVideo(FRAMES, SIZE), prompts, cancel=NeverCancelled())
    whole = run(direction=Direction.FORWARD)
    before = [next(whole) for _ in range(11)]
    snapshot = whole.snapshot()
    expected = list(whole)
    resumed = engine(model_dir).propagate(
        PanningVideo(FRAMES, SIZE), prompts, direction=Direction.FORWARD, cancel=NeverCancelled(), resume=snapshot
    )
    assert content(list(resumed)) == content(expected)
    assert len(before) + len(expected) == FRAMES
    assert all(len(shown.evidence.predicted_ious) == 3 for shown in expected[-1].objects)
    with pytest.raises(SnapshotMismatch, match="the snapshot has another model"):
        engine(model_dir, EngineOptions(image_size="192")).propagate(
            PanningVideo(FRAMES, SIZE), prompts, direction=Direction.FORWARD, cancel=NeverCancelled(), resume=snapshot
        )


def content(frames: list[FrameMasks]) -> list[object]:
    """Equal if and only if masks and evidence are bit-identical."""
    return [
        (frame.frame_index, [(shown.object_id, shown.mask.tobytes(), shown.evidence) for shown in frame.objects])
        for frame in frames
    ]


def test_points_and_kept_features(ours: Sam2Engine) -> None:
    video, points = PanningVideo(2, SIZE), [Point(0.5, 0.5), Point(0.3, 0.6)]
    assert ours.prewarm(video, [FrameIndex(0)], cancel=NeverCancelled()) == (0,)
    (batch,) = ours.segment_points(video, points, FrameIndex(0))
    (alone,) = ours.segment(video, prompt_set([CLICK]), FrameIndex(0)).objects
    assert len(batch) == 2
    assert mask_iou(batch[0].mask, alone.mask) > 0.99


def test_the_propagate_command(model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DATA_DIR": tmp_path / "data", "MODEL_DIR": model_dir, "DEVICE": "cpu", "THREADS": "1"}.items():
        monkeypatch.setenv(f"MASKLET_{name}", str(value))
    pictures, prompts = tmp_path / "pictures", tmp_path / "prompts.json"
    pictures.mkdir()
    for number in range(3):
        cv2.imwrite(str(pictures / f"{number}.png"), numbered_frame(number))
    given = [{"frame": 0, "box": [0.1, 0.5, 0.6, 0.9]}]
    prompts.write_text(json.dumps({"objects": [{"id": "a", "label": "Cell", "prompts": given}]}))
    options = ["--prompts", str(prompts), "--out", str(tmp_path / "masks"), "--model", "edgetam"]
    done = CliRunner().invoke(app, ["propagate", str(pictures), *options])
    assert done.exception is None, done.output
    assert "on 3 frames" in done.output


def test_bfloat16_runs_and_int8_is_refused(model_dir: Path) -> None:
    in_bfloat16 = engine(model_dir, EngineOptions(precision="bfloat16"))
    (shown,) = in_bfloat16.segment(PanningVideo(2, SIZE), prompt_set([CLICK]), FrameIndex(1)).objects
    assert shown.mask.any()
    with pytest.raises(ModelError, match="int8 is for SAM 2's image encoders; .* choose auto"):
        engine(model_dir, EngineOptions(precision="int8"))


@pytest.fixture
def damaged(model_dir: Path, tmp_path: Path) -> Path:
    """A copy of the model folder, to be damaged."""
    shutil.copytree(model_dir, tmp_path / "models")
    return tmp_path / "models"


def test_a_broken_file_is_refused(damaged: Path) -> None:
    weights = damaged / "edgetam" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelError, match=r"model\.safetensors is not a checkpoint that can be read"):
        engine(damaged)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("shape", r"model\.safetensors does not fit .* vision_encoder\.neck\.convs\.0\.weight has the shape \(3, 2\)"),
        ("missing", r"model\.safetensors does not fit .* it has no weight for no_obj_ptr"),
        ("unknown", r"model\.safetensors does not fit .* the model has no weight text_encoder\.weight"),
        ("places", r"model\.safetensors has different values in shared_image_embedding"),
    ],
)
def test_weights_that_do_not_fit_are_refused(change: str, message: str, damaged: Path) -> None:
    path = damaged / "edgetam" / WEIGHTS
    weights = load_file(path)
    if change == "shape":
        weights["vision_encoder.neck.convs.0.weight"] = torch.zeros(3, 2)
    elif change == "missing":
        del weights["no_object_pointer"]
    elif change == "unknown":
        weights["text_encoder.weight"] = torch.zeros(1)
    else:
        weights["shared_image_embedding.positional_embedding"] += 1
    save_file(weights, path)
    with pytest.raises(ModelError, match=message):
        engine(damaged)


def test_another_model_than_edgetam_is_refused(damaged: Path) -> None:
    path = damaged / "edgetam" / CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_type": "sam2_video"}))
    with pytest.raises(ModelError, match="config.json is of a model of type 'sam2_video'"):
        engine(damaged)


def test_without_its_package_it_says_how_to_install_it(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_encoder_package, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"timm, which is not installed: pip install timm"):
        engine(model_dir)


@pytest.mark.slow
@pytest.mark.timeout(600)  # the compiler's front end, on a busy machine
def test_compiled_steps_give_the_same_masks(ours: Sam2Engine, model_dir: Path) -> None:
    torch._dynamo.reset()
    compiled = Sam2Engine(
        Sam2Blocks(engine(model_dir).blocks._model, compiling=Compiling("default", "eager")), ours.model
    )
    prompts = prompt_set([CLICK])
    assert compared(our_masks(compiled, prompts), our_masks(ours, prompts)).holds
    assert compiled.blocks.steps.report == (
        "compiled: image encoder, frame attention, memory attention, mask decoder, memory encoder"
    )
