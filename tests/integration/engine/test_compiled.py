"""The engine with compiled steps: equal masks, compiled at the warm-up only.

Uses the compiler's front end with torch's own kernels: the inductor needs minutes.
"""

from __future__ import annotations

import logging

import pytest
import torch
from torch import Tensor

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.runtime.compiled_steps import Compiling
from backend.adapters.sam2.runtime.options import EngineOptions
from backend.adapters.sam2.runtime.warmup import NoiseVideo, run_all_steps
from backend.application.ports.engine import NeverCancelled
from backend.domain.errors import DeviceOutOfMemory
from backend.domain.jobs import ModelInfo
from backend.domain.video import ContentHash, Direction
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes, whole
from scripts.benchmarks.engine_figures.setup import VIDEO_SIZE
from tests.fakes.models import IMAGE_SIZE, random_model
from tests.unit.adapters.sam2.runtime.test_cuda_graphs import Recorder

STEPS = "image encoder, frame attention, memory attention, mask decoder, memory encoder"

Logits = dict[tuple[str, int], Tensor]


@pytest.fixture(autouse=True)
def fresh_compiler() -> None:
    """Drops the compiled steps of other engines, which count towards the compiler's limits."""
    torch.set_num_threads(1)
    torch._dynamo.reset()


def engine(compiling: Compiling, *, device: str = "cpu") -> Sam2Engine:
    info = ModelInfo("random", "masklet-random-00000000", IMAGE_SIZE, device, is_demo=True)
    blocks = Sam2Blocks(random_model().to(device), compiling=compiling)
    return Sam2Engine(blocks, info, EngineOptions(feature_cache_mib=0))


def tracked(on: Sam2Engine, objects: int, frames: int) -> Logits:
    """Gated mask logits [1, 1, h, w] by object and frame."""
    video, prompts = PanningVideo(frames, VIDEO_SIZE), boxes(objects, frame=0)
    steps = on.track(video, prompts, direction=Direction.FORWARD, frame_range=whole(frames), cancel=NeverCancelled())
    return {(item.track.object_id, index): item.decoded.logits for index, items in steps for item in items}


def graphs() -> int:
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


def require_same_masks(found: Logits, expected: Logits, *, within: float) -> None:
    assert found.keys() == expected.keys()
    assert any((logits > 0).any() for logits in expected.values())
    for key, logits in expected.items():
        assert torch.equal(found[key] > 0, logits > 0), key
        assert (found[key] - logits).abs().max() <= within, key


@pytest.mark.slow
@pytest.mark.timeout(600)  # the compiler's front end, on a busy machine
def test_one_to_five_objects_after_a_warm_up(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="backend")
    compiled, plain = engine(Compiling("default", "eager")), engine(Compiling())
    before = graphs()
    compiled.warm_up()
    compiled_graphs = graphs() - before
    assert 5 <= compiled_graphs <= 15
    assert f"compiled: {STEPS}" in caplog.text
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    for objects, frames in ((1, 20), (2, 3), (3, 3), (4, 3), (5, 3)):
        require_same_masks(tracked(compiled, objects, frames), tracked(plain, objects, frames), within=1e-3)
    assert graphs() - before == compiled_graphs, "nothing is compiled after the warm-up"
    assert compiled.blocks.steps.report == f"compiled: {STEPS}"


def test_the_encoder_is_compiled_once_per_batch_size() -> None:
    blocks = Sam2Blocks(random_model(), compiling=Compiling("default", "eager"))
    made: list[int] = []
    before = graphs()
    for count in (1, 1, 4, 4, 1):
        with blocks.computing():
            blocks.encode_image(torch.zeros(count, 3, IMAGE_SIZE, IMAGE_SIZE))
        made.append(graphs() - before)
    assert made == [1, 1, 2, 2, 2]


def test_memory_attention_through_the_compilers_front_end() -> None:
    """Rotation in real numbers, with any count of objects and memories."""
    blocks = Sam2Blocks(random_model(), compiling=Compiling("default", "aot_eager"))
    plain = Sam2Blocks(random_model())
    generator = torch.Generator().manual_seed(0)
    before = graphs()
    with torch.inference_mode():
        frame_tokens = torch.randn(1, 64, 128, generator=generator)
        for objects, memories in ((1, 1), (1, 2), (1, 5), (2, 2), (3, 7)):
            memory, keys = (torch.randn(objects, 64 * memories + 8, 64, generator=generator) for _ in range(2))
            (found,) = blocks._attend(frame_tokens, memory, keys, spatial=64 * memories)
            (expected,) = plain._attend(frame_tokens, memory, keys, spatial=64 * memories)
            assert torch.allclose(found, expected, atol=1e-4), (objects, memories)
    assert 1 <= graphs() - before <= 4
    assert blocks.steps.any_fast


def test_a_failed_backend_leaves_the_steps_as_written(caplog: pytest.LogCaptureFixture) -> None:
    broken = engine(Compiling("default", "no such backend"))
    before = graphs()
    require_same_masks(tracked(broken, 2, 3), tracked(engine(Compiling()), 2, 3), within=1e-3)
    warnings = [record.getMessage() for record in caplog.records if record.name.startswith("backend")]
    assert len(warnings) == 5
    assert all("compiled it fails, goes on as written: InvalidBackend" in warning for warning in warnings)
    assert (graphs(), broken.blocks.steps.any_fast) == (before, False)


def test_recorded_graphs_give_bit_identical_masks() -> None:
    """The same kernels give the same bits. A replay runs the step again on the recording's memory."""
    record = Recorder()
    graphed = engine(Compiling("graphs", record=record))
    require_same_masks(tracked(graphed, 1, 22), tracked(engine(Compiling()), 1, 22), within=0.0)
    # Encoder, frame attention and memory encoder with one shape; memory attention and decoder with full memory banks.
    assert record.recorded == 5
    assert record.replayed > 40


def test_runs_on_has_the_way_of_compiling() -> None:
    modes = [engine(Compiling(mode, "eager")).blocks.runs_on["way of compiling"] for mode in ("off", "default")]
    assert modes == ["off", "default"]


def test_without_compiler_and_gpu_nothing_is_warmed_up(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="backend")
    engine(Compiling()).warm_up()
    engine(Compiling("graphs")).warm_up()
    assert caplog.records == []


def test_a_failed_warm_up_is_a_warning(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(segmenter: Sam2Engine) -> None:
        raise DeviceOutOfMemory("the memory of cuda did not suffice")

    monkeypatch.setattr("backend.adapters.sam2.engine.run_all_steps", exhausted)
    engine(Compiling("default", "eager")).warm_up()
    (record,) = caplog.records
    assert record.getMessage() == (
        "the warm-up on cpu failed, jobs come unprepared: DeviceOutOfMemory: the memory of cuda did not suffice"
    )


def test_the_video_of_the_warm_up(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="backend")
    run_all_steps(engine(Compiling()))
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0] == "warming up, pass 1 of 2: 1 object(s), 20 frames"
    assert messages[2] == "warming up, pass 2 of 2: 2 object(s), 5 frames"
    noise = NoiseVideo(2)
    assert noise.info.content_hash == ContentHash("noise")
    assert not (noise.frame(noise.info.require_frame(0)) == noise.frame(noise.info.require_frame(1))).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("mode", ["graphs", "default", "max"])
def test_on_a_gpu_every_step_is_fast_and_masks_agree(mode: str) -> None:
    fast, plain = engine(Compiling(mode), device="cuda"), engine(Compiling(), device="cuda")
    fast.warm_up()
    for objects, frames in ((1, 25), (3, 6)):
        found, expected = tracked(fast, objects, frames), tracked(plain, objects, frames)
        for key, logits in expected.items():
            ours, theirs = found[key] > 0, logits > 0
            assert (ours & theirs).sum() >= 0.98 * (ours | theirs).sum(), (mode, key)
    forms = {"graphs": "in CUDA graphs", "default": "compiled", "max": "compiled, in CUDA graphs"}
    assert fast.blocks.steps.report == f"{forms[mode]}: {STEPS}"
