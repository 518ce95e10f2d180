"""A propagation resumed by another engine after any frame: bit-identical remaining frames, or a refusal."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.propagation import Sam2Propagation
from backend.application.ports.engine import NeverCancelled
from backend.domain.errors import MediaError, SnapshotMismatch
from backend.domain.geometry import Box, Point, RgbFrame
from backend.domain.jobs import ModelInfo
from backend.domain.masklets import FrameMasks
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.fakes.models import random_engine
from tests.integration.engine.oracle import SIZE, PanningVideo

FRAMES = 24


def boxed(frame: int, name: str = "a") -> FramePrompt:
    return FramePrompt(ObjectId(name), FrameIndex(frame), box=Box(0.2, 0.25, 0.7, 0.9))


def click(frame: int, name: str, *, positive: bool = True) -> FramePrompt:
    return FramePrompt(ObjectId(name), FrameIndex(frame), (PointPrompt(Point(0.5, 0.5), positive),))


def drawn(frame: int, name: str) -> FramePrompt:
    mask = np.zeros((SIZE.height, SIZE.width), bool)
    mask[10:40, 20:60] = True
    return FramePrompt(ObjectId(name), FrameIndex(frame), mask=mask)


ONE = PromptSet.of([boxed(0)], {})
MANY = PromptSet.of(
    [boxed(4), click(9, "a"), boxed(4, "b"), click(4, "b", positive=False), drawn(12, "c"), click(20, "c")], {}
)
CASES = {
    "forward": (ONE, Direction.FORWARD, (1, 3, 20)),
    "backward, object in mid-video": (PromptSet.of([boxed(18)], {}), Direction.BACKWARD, (1, 8, 18)),
    "both, object in mid-video": (PromptSet.of([drawn(7, "a")], {}), Direction.BOTH, (2, 16, 17, 18, 22)),
    "both, objects that start apart": (MANY, Direction.BOTH, (1, 7, 19, 20, 21, 29)),
}


@pytest.fixture(scope="module")
def engine() -> Sam2Engine:
    return random_engine()


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def content(frames: list[FrameMasks]) -> list[object]:
    """All masks (as bytes) and evidence: equal if and only if bit-identical."""
    return [
        (frame.frame_index, [(o.object_id, o.mask.tobytes(), o.evidence, o.origin) for o in frame.objects])
        for frame in frames
    ]


@pytest.mark.parametrize("runs_ahead", [False, True], ids=["one by one", "ahead"])
@pytest.mark.parametrize(
    ("case", "precision"), [*((case, "float32") for case in CASES), ("both, objects that start apart", "bfloat16")]
)
def test_the_remaining_frames_are_bit_identical(case: str, precision: str, runs_ahead: bool) -> None:
    prompts, direction, stops = CASES[case]
    whole = random_engine(precision=precision).propagate(
        PanningVideo(FRAMES), prompts, direction=direction, cancel=NeverCancelled()
    )
    whole.runs_ahead = runs_ahead
    snapshots, frames = {}, []
    for frame in whole:
        frames.append(frame)
        if len(frames) in stops:
            snapshots[len(frames)] = whole.snapshot()
    assert (whole.total, whole.done) == (len(frames), len(frames))
    expected = content(frames)
    assert len({str(item) for item in expected}) == len(expected)
    for done, snapshot in snapshots.items():
        rest = random_engine(precision=precision).propagate(
            PanningVideo(FRAMES), prompts, direction=direction, cancel=NeverCancelled(), resume=snapshot
        )
        assert (rest.done, rest.total) == (done, whole.total)
        assert content(list(rest)) == expected[done:]
        assert rest.done == whole.total


def test_running_ahead_changes_no_frame_and_counts_none_early(engine: Sam2Engine) -> None:
    def run() -> Sam2Propagation:
        return engine.propagate(PanningVideo(FRAMES), MANY, direction=Direction.BOTH, cancel=NeverCancelled())

    plain, ahead = run(), run()
    ahead.runs_ahead = True
    expected = content(list(plain))
    frames = []
    for frame in ahead:
        frames.append(frame)
        assert ahead.done == len(frames)
    assert content(frames) == expected


class BrokenVideo(PanningVideo):
    """Cannot read frame 3."""

    def frame(self, index: FrameIndex) -> RgbFrame:
        if index == 3:
            raise MediaError("frame 3 is broken")
        return super().frame(index)


def test_what_the_next_frame_raises_comes_after_this_one(engine: Sam2Engine) -> None:
    run = engine.propagate(BrokenVideo(6), ONE, direction=Direction.FORWARD, cancel=NeverCancelled())
    run.runs_ahead = True
    assert [next(run).frame_index for _ in range(3)] == [0, 1, 2]
    assert run.done == 3
    with pytest.raises(MediaError, match="frame 3 is broken"):
        next(run)
    rest = engine.propagate(
        PanningVideo(6), ONE, direction=Direction.FORWARD, cancel=NeverCancelled(), resume=run.snapshot()
    )
    assert [frame.frame_index for frame in rest] == [3, 4, 5]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_the_masks_of_a_run_ahead_agree() -> None:
    on_gpu = random_engine(device="cuda")
    plain, ahead = (
        on_gpu.propagate(PanningVideo(FRAMES), MANY, direction=Direction.BOTH, cancel=NeverCancelled())
        for _ in range(2)
    )
    assert ahead.runs_ahead
    plain.runs_ahead = False
    for expected, found in zip(plain, ahead, strict=True):
        assert found.frame_index == expected.frame_index
        for one, other in zip(expected.objects, found.objects, strict=True):
            assert (other.object_id, other.origin) == (one.object_id, one.origin)
            # Two runs of one kernel can differ in the last bits on a GPU.
            assert (one.mask == other.mask).mean() >= 0.95


def test_a_snapshot_before_the_first_frame_holds_the_prompts(engine: Sam2Engine) -> None:
    at_start = engine.propagate(PanningVideo(FRAMES), MANY, direction=Direction.FORWARD, cancel=NeverCancelled())
    snapshot = at_start.snapshot()
    expected = content([next(at_start) for _ in range(3)])
    video = PanningVideo(FRAMES)
    resumed = random_engine().propagate(
        video, MANY, direction=Direction.FORWARD, cancel=NeverCancelled(), resume=snapshot
    )
    assert content([next(resumed) for _ in range(3)]) == expected
    assert video.read == [5, 6]


def test_after_the_last_frame_nothing_remains(engine: Sam2Engine) -> None:
    whole = engine.propagate(PanningVideo(6), ONE, direction=Direction.BOTH, cancel=NeverCancelled())
    assert len(list(whole)) == 6
    video = PanningVideo(6)
    rest = engine.propagate(video, ONE, direction=Direction.BOTH, cancel=NeverCancelled(), resume=whole.snapshot())
    assert (list(rest), video.read, rest.done) == ([], [], 6)


def test_its_size_does_not_grow_with_the_frames(engine: Sam2Engine) -> None:
    run = engine.propagate(PanningVideo(80), ONE, direction=Direction.BOTH, cancel=NeverCancelled())
    sizes: dict[int, int] = {}
    for frame in run:
        if frame.frame_index in (40, 70):
            sizes[frame.frame_index] = len(run.snapshot())
    assert abs(sizes[40] - sizes[70]) < 64  # frame numbers of another length
    whole_memory = 64 * 8 * 8 * 2
    # One prompted frame with its 32 x 32 logits; 6 memories and 15 pointers, and as many turn frames.
    assert sizes[70] < 13 * whole_memory + 4 * 32 * 32 + 31 * 128 * 4 + 12_000


@pytest.fixture(scope="module")
def snapshot(engine: Sam2Engine) -> bytes:
    run = engine.propagate(PanningVideo(FRAMES), ONE, direction=Direction.FORWARD, cancel=NeverCancelled())
    for _ in range(3):
        next(run)
    return run.snapshot()


def resume(
    engine: Sam2Engine,
    snapshot: bytes,
    *,
    frames: int = FRAMES,
    prompts: PromptSet = ONE,
    direction: Direction = Direction.FORWARD,
    frame_range: FrameRange | None = None,
) -> None:
    engine.propagate(
        PanningVideo(frames),
        prompts,
        direction=direction,
        frame_range=frame_range,
        cancel=NeverCancelled(),
        resume=snapshot,
    )


class TestRefusals:
    def test_a_matching_snapshot_is_accepted(self, engine: Sam2Engine, snapshot: bytes) -> None:
        resume(engine, snapshot)

    def test_another_video(self, engine: Sam2Engine, snapshot: bytes) -> None:
        with pytest.raises(SnapshotMismatch, match="another video \\(.*\\): start the propagation afresh"):
            resume(engine, snapshot, frames=FRAMES + 1)

    def test_other_prompts(self, engine: Sam2Engine, snapshot: bytes) -> None:
        with pytest.raises(SnapshotMismatch, match="another prompts"):
            resume(engine, snapshot, prompts=PromptSet.of([boxed(0), boxed(3)], {}))

    def test_another_direction(self, engine: Sam2Engine, snapshot: bytes) -> None:
        with pytest.raises(SnapshotMismatch, match="another direction \\(forward, not both\\)"):
            resume(engine, snapshot, direction=Direction.BOTH)

    def test_another_range(self, engine: Sam2Engine, snapshot: bytes) -> None:
        with pytest.raises(SnapshotMismatch, match="another span \\(0..24, not 0..9\\)"):
            resume(engine, snapshot, frame_range=FrameRange(FrameIndex(0), FrameIndex(9)))

    def test_other_weights(self, engine: Sam2Engine, snapshot: bytes) -> None:
        info = ModelInfo("other", "masklet-other-11111111", engine.model.image_size, "cpu", is_demo=True)
        with pytest.raises(SnapshotMismatch, match="another model \\(masklet-random-00000000, not masklet-other"):
            resume(Sam2Engine(engine.blocks, info), snapshot)

    def test_other_software(self, engine: Sam2Engine, snapshot: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch, "__version__", "9.9.9")
        with pytest.raises(SnapshotMismatch, match=r"another torch version \(.*, not 9\.9\.9\)"):
            resume(engine, snapshot)

    @pytest.mark.parametrize("kept", [0, 4, 8, 200, 2000, -1])
    def test_cut_short(self, engine: Sam2Engine, snapshot: bytes, kept: int) -> None:
        with pytest.raises(SnapshotMismatch, match="the snapshot is damaged: start the propagation afresh"):
            resume(engine, snapshot[:kept])

    @pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.999])
    def test_one_bit_flipped(self, engine: Sam2Engine, snapshot: bytes, place: float) -> None:
        body = bytearray(snapshot)
        body[int(place * len(body))] ^= 1
        with pytest.raises(SnapshotMismatch):
            resume(engine, bytes(body))

    def test_a_later_format(self, engine: Sam2Engine, snapshot: bytes) -> None:
        body = snapshot
        length = int.from_bytes(body[:8], "little")
        header = json.loads(body[8 : 8 + length])
        assert header["__metadata__"]["masklet_snapshot"] == "2"
        later = body.replace(b'"masklet_snapshot":"2"', b'"masklet_snapshot":"3"')
        with pytest.raises(SnapshotMismatch, match="format 3, not 2"):
            resume(engine, later)
