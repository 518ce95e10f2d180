"""Our engine against SAM 2's own video predictor: same random weights, same frames, float32, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from backend.adapters.sam2.engine import Sam2Engine
from backend.application.offline import NeverCancelled
from backend.domain.geometry import BoolMask, Box, Point, mask_iou
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.fakes.models import random_engine
from tests.integration.engine.oracle import SIZE, Logits, Oracle, PanningVideo

FRAMES = 26
MAX_LOGIT_DIFFERENCE = 1e-3
MIN_IOU = 0.999


def clicks(frame: int, *points: tuple[float, float, bool], name: str = "a") -> FramePrompt:
    given = tuple(PointPrompt(Point(x, y), positive) for x, y, positive in points)
    return FramePrompt(ObjectId(name), FrameIndex(frame), given)


def boxed(frame: int, *points: tuple[float, float, bool], name: str = "a") -> FramePrompt:
    given = tuple(PointPrompt(Point(x, y), positive) for x, y, positive in points)
    return FramePrompt(ObjectId(name), FrameIndex(frame), given, Box(0.2, 0.25, 0.7, 0.9))


def drawn(frame: int, *, name: str = "a") -> FramePrompt:
    return FramePrompt(ObjectId(name), FrameIndex(frame), mask=disc())


def disc() -> BoolMask:
    rows, columns = np.mgrid[: SIZE.height, : SIZE.width]
    return np.asarray((rows - 30) ** 2 + (columns - 40) ** 2 < 300)


ONE_CLICK = clicks(0, (0.5, 0.5, True))
CASES = {
    "one click": [ONE_CLICK],
    "clicks of both kinds": [clicks(0, (0.5, 0.5, True), (0.1, 0.2, False), (0.6, 0.7, True))],
    "box": [boxed(0)],
    "box and click": [boxed(0, (0.3, 0.3, False))],
    "mask": [drawn(0)],
    "empty mask": [FramePrompt(ObjectId("a"), FrameIndex(0), mask=np.zeros((64, 96), bool))],
    "first prompt late": [clicks(9, (0.4, 0.5, True))],
    "clicks on three frames": [ONE_CLICK, clicks(11, (0.2, 0.6, True)), clicks(19, (0.7, 0.4, True))],
    "box, mask and click on three frames": [boxed(2), drawn(8), clicks(21, (0.7, 0.4, True))],
    "two prompted frames side by side": [boxed(4), boxed(5)],
    "three objects from one frame": [ONE_CLICK, boxed(0, name="b"), drawn(0, name="c")],
    "three objects, several frames": [
        ONE_CLICK,
        clicks(12, (0.2, 0.2, True)),
        boxed(0, name="b"),
        drawn(0, name="c"),
        boxed(7, name="c"),
    ],
}


@pytest.fixture(scope="module")
def engine() -> Sam2Engine:
    return random_engine()


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def ours(engine: Sam2Engine, prompts: PromptSet, direction: Direction, *, frames: int = FRAMES) -> dict[str, Logits]:
    video = PanningVideo(frames)
    span = FrameRange(FrameIndex(0), FrameIndex(frames))
    tracked: dict[str, Logits] = {}
    for frame_index, masks in engine.track(video, prompts, direction=direction, span=span, cancel=NeverCancelled()):
        for item in masks:
            logits = tracked.setdefault(item.track.object_id, {})
            assert frame_index not in logits
            full = F.interpolate(item.decoded.logits, size=(SIZE.height, SIZE.width), mode="bilinear")
            logits[frame_index] = full[0, 0].numpy()
    return tracked


def assert_same(got: Mapping[str, Logits], expected: Mapping[str, Logits]) -> None:
    assert {name: sorted(frames) for name, frames in got.items()} == {
        name: sorted(frames) for name, frames in expected.items()
    }
    for name, frames in expected.items():
        for index, logits in frames.items():
            difference = float(np.abs(got[name][index] - logits).max())
            assert difference <= MAX_LOGIT_DIFFERENCE, f"{name}, frame {index}: logits differ by {difference}"
            assert mask_iou(got[name][index] > 0, logits > 0) >= MIN_IOU, f"{name}, frame {index}"


def is_lively(tracked: Mapping[str, Logits]) -> bool:
    """Whether the masks differ between frames and are neither empty nor full: else parity would show nothing."""
    areas = [float((logits > 0).mean()) for frames in tracked.values() for logits in frames.values()]
    return len(set(areas)) > len(areas) // 2 and max(areas) > 0.05 and min(areas) < 0.95


@pytest.mark.parametrize("case", CASES)
def test_forward(case: str, engine: Sam2Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = PromptSet.of(CASES[case], {})
    oracle = Oracle(PanningVideo(FRAMES), monkeypatch)
    oracle.prompt(prompts)
    expected = oracle.propagate()
    assert case == "empty mask" or is_lively(expected)
    assert_same(ours(engine, prompts, Direction.FORWARD), expected)


@pytest.mark.parametrize("case", ["first prompt late", "box, mask and click on three frames"])
def test_backward(case: str, engine: Sam2Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = PromptSet.of(CASES[case], {})
    oracle = Oracle(PanningVideo(FRAMES), monkeypatch)
    oracle.prompt(prompts)
    expected = oracle.propagate(backward=True)
    assert_same(ours(engine, prompts, Direction.BACKWARD), expected)


@pytest.mark.parametrize(
    "prompts",
    [
        [drawn(24)],
        [clicks(24, (0.4, 0.5, True)), boxed(28)],
        [clicks(20, (0.4, 0.5, True)), boxed(20, name="b"), drawn(20, name="c")],
    ],
    ids=["mask", "two prompted frames", "three objects"],
)
def test_forward_then_backward(prompts: list[FramePrompt], engine: Sam2Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backward pass finds the memories that the forward pass left beyond the start, as upstream does."""
    wanted = PromptSet.of(prompts, {})
    oracle = Oracle(PanningVideo(44), monkeypatch)
    oracle.prompt(wanted)
    forward = oracle.propagate()
    backward = oracle.propagate(backward=True)
    assert is_lively(backward)
    expected = {name: {**backward[name], **forward[name]} for name in forward}
    assert_same(ours(engine, wanted, Direction.BOTH, frames=44), expected)


def test_objects_that_start_on_different_frames_are_as_if_alone(
    engine: Sam2Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = {"a": [boxed(3)], "b": [clicks(15, (0.5, 0.5, True), name="b")]}
    expected: dict[str, Logits] = {}
    for prompts in alone.values():
        oracle = Oracle(PanningVideo(FRAMES), monkeypatch)
        oracle.prompt(PromptSet.of(prompts, {}))
        forward, backward = oracle.propagate(), oracle.propagate(backward=True)
        expected |= {name: {**backward[name], **forward[name]} for name in forward}
    together = PromptSet.of([*alone["a"], *alone["b"]], {})
    assert_same(ours(engine, together, Direction.BOTH), expected)


def test_negative_clicks_correct_what_memory_expects(engine: Sam2Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upstream corrects a frame it has tracked; given the same expectation, so do we, mask for mask."""
    first, correction = boxed(0), clicks(12, (0.5, 0.5, False))
    oracle = Oracle(PanningVideo(FRAMES), monkeypatch)
    oracle.prompt(PromptSet.of([first], {}))
    oracle.regard_as_tracked("a", 12)
    slot = oracle.state["obj_id_to_idx"]["a"]
    outputs = oracle.state["output_dict_per_obj"][slot]
    expectation, _ = oracle.predictor._run_single_frame_inference(
        inference_state=oracle.state,
        output_dict=outputs,
        frame_idx=12,
        batch_size=1,
        is_init_cond_frame=False,
        point_inputs=None,
        mask_inputs=None,
        reverse=False,
        run_mem_encoder=True,
    )
    outputs["non_cond_frame_outputs"][12] = expectation
    oracle.prompt(PromptSet.of([correction], {}))
    outputs["non_cond_frame_outputs"].pop(12)
    expected = oracle.propagate()
    assert is_lively(expected)
    assert_same(ours(engine, PromptSet.of([first, correction], {}), Direction.FORWARD), expected)
