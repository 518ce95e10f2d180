"""The engine's SAM 3 tracker against transformers' own model: same weights, same frames, float32, frame by frame."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import Sam3TrackerVideoModel, Sam3VideoConfig, Sam3VideoModel
from transformers.models.sam3_tracker_video import modeling_sam3_tracker_video

from backend.adapters.sam2.engine import Sam2Engine, load_engine
from backend.adapters.sam2.model import memory_encoder
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.model.memory_encoder import MemoryEncoder
from backend.adapters.sam2.runtime.compiled_steps import Compiling
from backend.adapters.sam2.runtime.options import EngineOptions
from backend.adapters.sam2.trackers import image_encoder_package
from backend.adapters.sam2.trackers.build import build_tracker
from backend.adapters.sam2.trackers.config import read_config
from backend.adapters.sam2.trackers.names import sam2_weights, tracker_name
from backend.domain.errors import ModelError
from backend.domain.prompts import PromptSet
from backend.domain.video import Direction, FrameIndex
from scripts.benchmarks.engine_figures.cases import SIZE
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.parity import compared
from scripts.benchmarks.engine_figures.prompting import boxed, clicked, drawn, prompt_set
from tests.integration.engine.sam3 import resized_sam3, save_sam3, save_whole_sam3, small_sam3
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
FOUR_CLICKS = prompt_set([clicked("a", frame, (0.35 + 0.02 * frame, 0.5, True)) for frame in (3, 6, 10, 14)])
AS_CHOSEN = EngineOptions()


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class Float32Memories:
    """torch, for a module that is to keep memories in float32."""

    def __getattr__(self, name: str) -> object:
        return torch.float32 if name == "bfloat16" else getattr(torch, name)


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memories without rounding on both sides: in float32, and of prompted masks that are not binarised.

    Both keep memories in bfloat16, and the sign of a pixel of a prompted mask can be that of a last bit.
    """
    for module in (modeling_sam3_tracker_video, memory_encoder):
        monkeypatch.setattr(module, "torch", Float32Memories())
    encode = Sam3TrackerVideoModel._encode_new_memory

    def theirs_smooth(self: object, *, is_mask_from_pts: bool, **given: object) -> object:
        return encode(self, is_mask_from_pts=False, **given)

    def ours_smooth(self: MemoryEncoder, coarse: Tensor, logits: Tensor, presence: Tensor) -> tuple[Tensor]:
        return self.tracked(coarse, logits, presence, candidates=1)

    monkeypatch.setattr(Sam3TrackerVideoModel, "_encode_new_memory", theirs_smooth)
    monkeypatch.setattr(MemoryEncoder, "prompted", ours_smooth)


@pytest.fixture(scope="module")
def theirs() -> Sam3TrackerVideoModel:
    return small_sam3()


@pytest.fixture(scope="module")
def model_dir(theirs: Sam3TrackerVideoModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    save_sam3(theirs, folder)
    return folder


@pytest.fixture(scope="module")
def ours(model_dir: Path) -> Sam2Engine:
    return engine(model_dir)


def engine(model_dir: Path, options: EngineOptions = AS_CHOSEN) -> Sam2Engine:
    return load_engine("sam3", model_dir=model_dir, device="cpu", threads=1, options=options)


def test_rounded_memories_agree_within_their_rounding(
    ours: Sam2Engine, theirs: Sam3TrackerVideoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = prompt_set([CLICK])
    rounded = reference_logits(theirs, FRAMES, prompts)
    found = compared(our_masks(ours, prompts), rounded)
    monkeypatch.setattr(modeling_sam3_tracker_video, "torch", Float32Memories())
    rounding = compared(rounded, reference_logits(theirs, FRAMES, prompts))
    assert found.iou_min > 0.99
    assert found.logit_max < rounding.logit_max


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize(
    "prompts",
    [
        prompt_set([CLICK]),
        prompt_set([clicked("a", 0, (0.4, 0.5, True), (0.9, 0.1, False)), clicked("a", 9, (0.6, 0.4, True))]),
    ],
    ids=["one click", "clicks on two frames"],
)
def test_forward(prompts: PromptSet, ours: Sam2Engine, theirs: Sam3TrackerVideoModel) -> None:
    assert_same(compared(our_masks(ours, prompts), reference_logits(theirs, FRAMES, prompts)))


@pytest.mark.usefixtures("exact")
def test_two_objects_in_one_session(ours: Sam2Engine, theirs: Sam3TrackerVideoModel) -> None:
    """transformers tracks one object after the other, the engine both in one batch."""
    session = TransformersSession(theirs, FRAMES)
    session.prompt(TWO)
    assert_same(compared(our_masks(ours, TWO), session.propagate()))


@pytest.mark.usefixtures("exact")
def test_backward(ours: Sam2Engine, theirs: Sam3TrackerVideoModel) -> None:
    prompts = prompt_set([boxed("a", FRAMES - 1, box=(0.2, 0.25, 0.7, 0.9))])
    expected = reference_logits(theirs, FRAMES, prompts, backward=True)
    assert_same(compared(our_masks(ours, prompts, Direction.BACKWARD), expected))


@pytest.mark.usefixtures("exact")
def test_the_nearest_prompted_frames_are_attended(ours: Sam2Engine, theirs: Sam3TrackerVideoModel) -> None:
    """The config has two of them.

    None is 16 frames before another frame: transformers attends the pointers of all of them then, sam2 does not.
    """
    assert_same(compared(our_masks(ours, FOUR_CLICKS), reference_logits(theirs, FRAMES, FOUR_CLICKS)))


def test_more_prompted_frames_change_the_masks(ours: Sam2Engine, model_dir: Path) -> None:
    more = engine(model_dir, EngineOptions(max_prompted_frames_attended=3))
    assert differs(our_masks(ours, FOUR_CLICKS), our_masks(more, FOUR_CLICKS))


@pytest.mark.usefixtures("exact")
def test_a_correction_on_a_later_frame(ours: Sam2Engine, theirs: Sam3TrackerVideoModel) -> None:
    correction = clicked("b", 12, (0.5, 0.5, False))
    session = TransformersSession(theirs, FRAMES)
    session.prompt(prompt_set([BOX]))
    session.correct(correction)
    found = our_masks(ours, prompt_set([BOX, correction]))
    assert_same(compared(found, session.propagate()))
    assert differs(found, our_masks(ours, prompt_set([BOX])))


@pytest.mark.usefixtures("exact")
def test_a_mask(ours: Sam2Engine, theirs: Sam3TrackerVideoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    as_sam2_encodes_masks(theirs, monkeypatch)
    prompts = prompt_set([drawn("a", 0, SIZE)])
    assert_same(compared(our_masks(ours, prompts), reference_logits(theirs, FRAMES, prompts)))


@pytest.mark.usefixtures("exact")
def test_another_image_size_is_a_model_built_at_that_size(model_dir: Path, theirs: Sam3TrackerVideoModel) -> None:
    prompts = prompt_set([BOX])
    larger = engine(model_dir, EngineOptions(image_size="224"))
    assert (larger.model.image_size, larger.model.version[-6:]) == (224, "-224px")
    expected = reference_logits(resized_sam3(theirs, 224), FRAMES, prompts)
    assert_same(compared(our_masks(larger, prompts), expected))


def test_the_tracker_of_a_whole_sam3(ours: Sam2Engine, theirs: Sam3TrackerVideoModel, tmp_path: Path) -> None:
    save_whole_sam3(theirs, tmp_path)
    whole = engine(tmp_path)
    assert whole.model.version != ours.model.version
    one, other = our_masks(whole, TWO), our_masks(ours, TWO)
    assert compared(one, other).logit_max == 0


def test_the_published_shape_has_the_weights_of_a_whole_sam3(tmp_path: Path) -> None:
    """transformers' own names and shapes, without values."""
    config = tmp_path / "config.json"
    config.write_text('{"model_type": "sam3_video"}')
    with torch.device("meta"):
        whole: dict[str, Tensor] = Sam3VideoModel(Sam3VideoConfig()).state_dict()
        model = build_tracker(read_config(config, "sam3"))
    used = {new: tensor for name, tensor in whole.items() if (new := tracker_name(name))}
    # Stored twice, and compared by value.
    used = {name: torch.zeros(tensor.shape) if "shared" in name else tensor for name, tensor in used.items()}
    found = {name: tuple(tensor.shape) for name, (_, tensor) in sam2_weights(used, "the file").items()}
    assert found == {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert len(used) < len(whole)


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_other_precisions_run(precision: str, model_dir: Path) -> None:
    on = engine(model_dir, EngineOptions(precision=precision))
    (shown,) = on.segment(PanningVideo(2, SIZE), prompt_set([CLICK]), FrameIndex(1)).objects
    assert shown.mask.any()


@pytest.mark.slow
@pytest.mark.timeout(600)  # the compiler's front end, on a busy machine
def test_compiled_steps_give_the_same_masks(ours: Sam2Engine, model_dir: Path) -> None:
    torch._dynamo.reset()
    compiled = Sam2Engine(
        Sam2Blocks(engine(model_dir).blocks._model, compiling=Compiling("default", "eager")), ours.model
    )
    prompts = prompt_set([CLICK])
    assert compared(our_masks(compiled, prompts), our_masks(ours, prompts)).iou_min > 0.99
    assert compiled.blocks.steps.report == (
        "compiled: image encoder, frame attention, memory attention, mask decoder, memory encoder"
    )


def test_an_image_size_of_half_a_window_is_refused(model_dir: Path) -> None:
    with pytest.raises(ModelError, match="choose auto or a multiple of 56 .*; 168 and 224 are the nearest"):
        engine(model_dir, EngineOptions(image_size="196"))


def test_a_missing_weight_is_named(model_dir: Path, tmp_path: Path, theirs: Sam3TrackerVideoModel) -> None:
    folder = save_sam3(theirs, tmp_path)
    weights = load_file(folder / "model.safetensors")
    del weights["vision_encoder.backbone.layers.2.mlp.fc1.weight"]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"has no weight for image_encoder\.trunk\.vision\.backbone\.layers\.2"):
        engine(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "sam2_video"}, "'sam2_video'; Masklet needs 'sam3_tracker_video' or 'sam3_video'"),
        ({"num_attention_heads": "many"}, "has a vision_config that transformers does not take"),
        ({"patch_size": 16}, r"sets vision_config\.backbone_config\.patch_size to 16: Masklet runs 14"),
    ],
)
def test_another_config_is_refused(
    change: dict[str, object], message: str, tmp_path: Path, theirs: Sam3TrackerVideoModel
) -> None:
    path = save_sam3(theirs, tmp_path) / "config.json"
    config = json.loads(path.read_text())
    (config if "model_type" in change else config["vision_config"]["backbone_config"]).update(change)
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError, match=message):
        engine(tmp_path)


def test_without_transformers_it_says_how_to_install_it(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_encoder_package, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"transformers, which is not installed: pip install 'transformers>=5\.10'"):
        engine(model_dir)
