"""The engine's guarantees besides the masks: order, bounds, origins, errors, evidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from backend.adapters.sam2.engine import POINTS_AT_ONCE, Sam2Engine
from backend.adapters.sam2.model.memory_selection import FramePosition, SelectedMemory
from backend.adapters.sam2.model.tensors import ImageFeatures
from backend.application.ports.engine import NeverCancelled
from backend.domain.errors import Cancelled, DeviceOutOfMemory, PromptError
from backend.domain.geometry import Box, Point, mask_iou
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.fakes.models import random_engine
from tests.integration.engine.oracle import SIZE, Oracle, PanningVideo


def click(frame: int, *, name: str = "a", positive: bool = True) -> FramePrompt:
    return FramePrompt(ObjectId(name), FrameIndex(frame), (PointPrompt(Point(0.5, 0.5), positive),))


def boxed(frame: int, *, name: str = "b") -> FramePrompt:
    return FramePrompt(ObjectId(name), FrameIndex(frame), box=Box(0.2, 0.25, 0.7, 0.9))


def drawn(frame: int, *, name: str = "c") -> FramePrompt:
    mask = np.zeros((SIZE.height, SIZE.width), bool)
    mask[10:11, 20:60] = True  # one row: finer than the model's resolution
    return FramePrompt(ObjectId(name), FrameIndex(frame), mask=mask)


def prompt_set(*prompts: FramePrompt) -> PromptSet:
    return PromptSet.of(prompts, {})


def frames(start: int, stop: int) -> FrameRange:
    return FrameRange(FrameIndex(start), FrameIndex(stop))


def order(
    engine: Sam2Engine, prompts: PromptSet, direction: Direction, frame_range: FrameRange | None = None
) -> list[str]:
    """Frame index and object ids of all yielded masks, in order: "3ab"."""
    masks = engine.propagate(
        PanningVideo(8), prompts, direction=direction, frame_range=frame_range, cancel=NeverCancelled()
    )
    return [str(frame.frame_index) + "".join(item.object_id for item in frame.objects) for frame in masks]


@pytest.fixture(scope="module")
def engine() -> Sam2Engine:
    return random_engine()


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class TestOrder:
    def test_forward_starts_each_object_at_its_first_prompt(self, engine: Sam2Engine) -> None:
        got = order(engine, prompt_set(click(3), boxed(5)), Direction.FORWARD)
        assert got == ["3a", "4a", "5ab", "6ab", "7ab"]

    def test_backward_starts_each_object_at_its_first_prompt(self, engine: Sam2Engine) -> None:
        got = order(engine, prompt_set(click(2), boxed(4), boxed(6)), Direction.BACKWARD)
        assert got == ["4b", "3b", "2ab", "1ab", "0ab"]

    def test_both_yields_no_objects_frame_twice(self, engine: Sam2Engine) -> None:
        got = order(engine, prompt_set(click(2), boxed(4)), Direction.BOTH)
        assert got == ["2a", "3a", "4ab", "5ab", "6ab", "7ab", "3b", "2b", "1ab", "0ab"]

    def test_both_from_the_first_frame_is_one_pass(self, engine: Sam2Engine) -> None:
        assert order(engine, prompt_set(click(0)), Direction.BOTH) == [f"{i}a" for i in range(8)]

    @pytest.mark.parametrize(
        ("frame_range", "expected"),
        [
            (frames(2, 6), ["4a", "5a", "3a", "2a"]),
            (frames(5, 8), ["5a", "6a", "7a"]),
            (frames(1, 4), ["3a", "2a", "1a"]),
        ],
        ids=["around the prompt", "after it", "before it"],
    )
    def test_a_range_bounds_the_yielded_frames(
        self, engine: Sam2Engine, frame_range: FrameRange, expected: list[str]
    ) -> None:
        assert order(engine, prompt_set(click(4)), Direction.BOTH, frame_range) == expected


class TestSegment:
    def test_a_prompted_frame_equals_upstreams(self, engine: Sam2Engine) -> None:
        prompts = prompt_set(click(3), boxed(3), boxed(9, name="a"))
        expected = Oracle(PanningVideo(12)).prompt(prompts)
        got = engine.segment(PanningVideo(12), prompts, FrameIndex(3))
        assert [item.object_id for item in got.objects] == ["a", "b"]
        for item in got.objects:
            assert mask_iou(item.mask, expected[item.object_id][3] > 0) >= 0.999
            assert item.origin is MaskOrigin.PROMPTED

    def test_it_equals_the_mask_of_propagation(self, engine: Sam2Engine) -> None:
        prompts = prompt_set(click(2), boxed(5), click(5, name="b", positive=False), click(7, positive=False))
        propagated = engine.propagate(
            PanningVideo(12), prompts, direction=Direction.FORWARD, frame_range=None, cancel=NeverCancelled()
        )
        by_frame = {frame.frame_index: {item.object_id: item.mask for item in frame.objects} for frame in propagated}
        for number, name in ((2, "a"), (5, "b"), (7, "a")):
            frame_index = FrameIndex(number)
            answer = engine.segment(PanningVideo(12), prompts, frame_index)
            masks = {item.object_id: item.mask for item in answer.objects}
            assert np.array_equal(masks[ObjectId(name)], by_frame[frame_index][ObjectId(name)])

    def test_an_object_without_a_prompt_is_decoded_from_memory(self, engine: Sam2Engine) -> None:
        prompts = prompt_set(boxed(4))
        (near,) = engine.segment(PanningVideo(12), prompts, FrameIndex(5)).objects
        first = next(
            iter(
                engine.propagate(
                    PanningVideo(12),
                    prompts,
                    direction=Direction.FORWARD,
                    frame_range=frames(5, 6),
                    cancel=NeverCancelled(),
                )
            )
        )
        assert near.origin is MaskOrigin.PROPAGATED
        assert np.array_equal(near.mask, first.objects[0].mask)

    def test_repeated_clicks_read_a_frame_once(self, engine: Sam2Engine) -> None:
        video = PanningVideo(31)
        engine.segment(video, prompt_set(click(6)), FrameIndex(6))
        engine.segment(video, prompt_set(click(6), boxed(6)), FrameIndex(6))
        assert video.read == [6]

    def test_frames_are_identified_by_content_not_by_number(self, engine: Sam2Engine) -> None:
        (one,) = engine.segment(PanningVideo(32), prompt_set(boxed(6)), FrameIndex(6)).objects
        (other,) = engine.segment(PanningVideo(33), prompt_set(boxed(6)), FrameIndex(6)).objects
        assert not np.array_equal(one.mask, other.mask)

    def test_only_the_clicked_frame_is_read(self, engine: Sam2Engine) -> None:
        video = PanningVideo(2000)
        engine.segment(video, prompt_set(click(1500)), FrameIndex(1500))
        assert video.read == [1500]


class TestPoints:
    def test_a_batch_of_points_equals_one_click_after_another(self, engine: Sam2Engine) -> None:
        points = [Point((column + 0.5) / 6, (row + 0.5) / 6) for row in range(6) for column in range(6)]
        batches = list(engine.segment_points(PanningVideo(12), points, FrameIndex(3)))
        assert [len(batch) for batch in batches] == [POINTS_AT_ONCE, POINTS_AT_ONCE, 36 - 2 * POINTS_AT_ONCE]
        together = [entry for batch in batches for entry in batch]
        assert [entry.object_id for entry in together] == [str(number) for number in range(36)]
        for point, entry in zip(points, together, strict=True):
            prompt = FramePrompt(ObjectId("a"), FrameIndex(3), (PointPrompt(point),))
            (alone,) = engine.segment(PanningVideo(12), prompt_set(prompt), FrameIndex(3)).objects
            assert mask_iou(entry.mask, alone.mask) >= 0.999
            assert entry.evidence.predicted_ious == pytest.approx(alone.evidence.predicted_ious, abs=1e-4)
            assert entry.evidence.presence_logit == pytest.approx(alone.evidence.presence_logit, abs=1e-4)
            assert entry.evidence.stability == pytest.approx(alone.evidence.stability, abs=1e-3)


class TestBounds:
    def test_memory_is_the_same_after_40_and_80_frames(self, engine: Sam2Engine) -> None:
        held: dict[int, tuple[int, int]] = {}
        prompts = prompt_set(click(0), boxed(0), drawn(10))
        masks = engine.track(
            PanningVideo(90), prompts, direction=Direction.FORWARD, frame_range=frames(0, 90), cancel=NeverCancelled()
        )
        for frame_index, items in masks:
            if frame_index in (40, 80):
                memories = [item.track.memory for item in items]
                tensors = [
                    tensor
                    for memory in memories
                    for frame in (*memory.view.prompted.values(), *memory.view.tracked.values())
                    for tensor in (frame.features, frame.pointer)
                    if tensor is not None
                ]
                size = sum(tensor.untyped_storage().nbytes() for tensor in tensors)
                held[frame_index] = (sum(memory.encoded_frames for memory in memories), size)
        assert held[40] == held[80]
        # Each object: its prompted frame, the newest 15, and the 14 turn frames after its start.
        assert held[80][0] == 3 * (1 + 15 + 14)

    def test_the_feature_cache_is_bounded(self) -> None:
        engine = random_engine(cached_frames=3)
        for frame in range(6):
            engine.segment(PanningVideo(12), prompt_set(click(frame)), FrameIndex(frame))
        video = PanningVideo(12)
        for frame in (5, 4, 3, 2):
            engine.segment(video, prompt_set(click(frame)), FrameIndex(frame))
        assert video.read == [2]

    def test_frames_are_read_one_at_a_time(self, engine: Sam2Engine) -> None:
        video = PanningVideo(50)
        masks = engine.propagate(
            video, prompt_set(click(0)), direction=Direction.FORWARD, frame_range=None, cancel=NeverCancelled()
        )
        for _ in range(5):
            next(masks)
        assert max(video.read) == 4


class TestOrigins:
    def test_a_persons_mask_stays_as_drawn(self, engine: Sam2Engine) -> None:
        prompt = drawn(2)
        masks = engine.propagate(
            PanningVideo(5), prompt_set(prompt), direction=Direction.FORWARD, frame_range=None, cancel=NeverCancelled()
        )
        first, second, *_ = (frame.objects[0] for frame in masks)
        assert prompt.mask is not None
        assert np.array_equal(first.mask, prompt.mask)
        assert (first.origin, second.origin) == (MaskOrigin.HUMAN, MaskOrigin.PROPAGATED)
        assert first.evidence.predicted_ious == ()
        assert first.evidence.presence_logit == 10.0
        assert first.evidence.box == Box(20 / 96, 10 / 64, 60 / 96, 11 / 64)
        assert (first.evidence.area_rel, first.evidence.components) == (40 / (96 * 64), 1)

    def test_the_mask_of_an_automatic_prompt_is_nobody_s(self, engine: Sam2Engine) -> None:
        prompts = prompt_set(drawn(2)).as_automatic(lambda prompt: 0.8)
        masks = engine.propagate(
            PanningVideo(5), prompts, direction=Direction.FORWARD, frame_range=None, cancel=NeverCancelled()
        )
        first, second, *_ = (frame.objects[0] for frame in masks)
        assert (first.origin, second.origin) == (MaskOrigin.AUTOMATIC, MaskOrigin.PROPAGATED)
        assert first.evidence.predicted_ious == (0.8,)
        (clicked,) = engine.segment(
            PanningVideo(5), prompt_set(click(0)).as_automatic(lambda prompt: 0.8), FrameIndex(0)
        ).objects
        assert clicked.origin is MaskOrigin.AUTOMATIC

    def test_an_empty_mask_marks_the_object_as_absent(self, engine: Sam2Engine) -> None:
        empty = FramePrompt(ObjectId("a"), FrameIndex(0), mask=np.zeros((64, 96), bool))
        (item,) = engine.segment(PanningVideo(3), prompt_set(empty), FrameIndex(0)).objects
        assert not item.mask.any()
        assert (item.evidence.presence_logit, item.evidence.area_rel, item.evidence.box) == (-10.0, 0.0, None)

    def test_a_drawn_mask_may_be_of_another_resolution(self, engine: Sam2Engine) -> None:
        half = np.zeros((32, 48), bool)
        half[:16] = True
        prompt = FramePrompt(ObjectId("a"), FrameIndex(0), mask=half)
        (item,) = engine.segment(PanningVideo(3), prompt_set(prompt), FrameIndex(0)).objects
        assert item.mask.shape == (64, 96)
        assert item.mask[:32].all()
        assert not item.mask[32:].any()


class TestErrors:
    def test_only_negative_clicks(self, engine: Sam2Engine) -> None:
        prompts = prompt_set(click(0), click(1, name="b", positive=False))
        with pytest.raises(PromptError, match="object 'b' has negative clicks only: add a positive click"):
            engine.segment(PanningVideo(3), prompts, FrameIndex(0))
        with pytest.raises(PromptError, match="object 'b' has negative clicks only"):
            engine.propagate(
                PanningVideo(3), prompts, direction=Direction.FORWARD, frame_range=None, cancel=NeverCancelled()
            )

    def test_a_prompt_past_the_end(self, engine: Sam2Engine) -> None:
        with pytest.raises(PromptError, match="frame 9 is not in the video"):
            engine.propagate(
                PanningVideo(3),
                prompt_set(click(9)),
                direction=Direction.BOTH,
                frame_range=None,
                cancel=NeverCancelled(),
            )

    def test_cancelling_stops_before_the_next_frame(self, engine: Sam2Engine) -> None:
        class AfterThree:
            calls = 0

            def raise_if_cancelled(self) -> None:
                self.calls += 1
                if self.calls > 4:  # once for the prompt, then once a frame
                    raise Cancelled("stopped")

        video = PanningVideo(20)
        masks = engine.propagate(
            video, prompt_set(click(0)), direction=Direction.FORWARD, frame_range=None, cancel=AfterThree()
        )
        assert [next(masks).frame_index for _ in range(3)] == [0, 1, 2]
        with pytest.raises(Cancelled, match="stopped"):
            next(masks)

    def test_out_of_memory_has_a_clear_message(self, engine: Sam2Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        def exhausted(*_: object, **__: object) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory")

        monkeypatch.setattr(engine._blocks, "encode_image", exhausted)
        with pytest.raises(DeviceOutOfMemory, match="the memory of cpu did not suffice: fewer objects"):
            engine.segment(PanningVideo(34), prompt_set(click(0)), FrameIndex(0))

    def test_with_too_little_memory_objects_go_in_smaller_batches(
        self, engine: Sam2Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        sizes = limited_to(engine, monkeypatch, objects=2)
        prompts = prompt_set(*(click(0, name=name) for name in "abcdefg"))
        assert order(engine, prompts, Direction.FORWARD) == [f"{frame}abcdefg" for frame in range(8)]
        assert sizes[:5] == [7, 3, 1, 2, 4]
        assert max(sizes[10:]) == 1
        assert "too little memory for 7 objects at once; going on with 3" in caplog.messages

    def test_without_memory_for_one_object_the_job_fails_clearly(
        self, engine: Sam2Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            limited_to(engine, patch, objects=0)
            with pytest.raises(DeviceOutOfMemory, match="the memory of cpu did not suffice: fewer objects"):
                order(engine, prompt_set(click(0), boxed(0)), Direction.FORWARD)
        assert len(order(engine, prompt_set(click(0), boxed(0)), Direction.FORWARD)) == 8

    def test_smaller_batches_make_the_same_masks(self, engine: Sam2Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        prompts = prompt_set(*(click(0, name=name) for name in "abc"))

        def masks() -> list[np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
            frames = engine.propagate(
                PanningVideo(6), prompts, direction=Direction.FORWARD, frame_range=None, cancel=NeverCancelled()
            )
            return [item.mask for frame in frames for item in frame.objects]

        whole = masks()
        limited_to(engine, monkeypatch, objects=1)
        for one, other in zip(whole, masks(), strict=True):
            assert mask_iou(one, other) > 0.99


def limited_to(engine: Sam2Engine, patch: pytest.MonkeyPatch, *, objects: int) -> list[int]:
    """A device with memory for this many objects in one batch; returns the sizes of the batches that were tried."""
    attend = engine._blocks.attend_memory
    sizes: list[int] = []

    def limited(features: ImageFeatures, selected: Sequence[SelectedMemory], position: FramePosition) -> torch.Tensor:
        sizes.append(len(selected))
        if len(selected) > objects:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return attend(features, selected, position)

    patch.setattr(engine._blocks, "attend_memory", limited)
    return sizes


def test_evidence_is_read_before_the_presence_gate(engine: Sam2Engine) -> None:
    """Upstream replaces the logits of an absent object by -1024; the candidates keep theirs."""
    absent = random_engine()
    head = absent._blocks._model.sam_mask_decoder.pred_obj_score_head
    head.layers[-1].bias.fill_(-30.0)
    prompts = prompt_set(boxed(0))
    (present_mask,) = engine.segment(PanningVideo(3), prompts, FrameIndex(0)).objects
    (absent_mask,) = absent.segment(PanningVideo(3), prompts, FrameIndex(0)).objects
    assert not absent_mask.mask.any()
    assert absent_mask.evidence.presence_logit < -20
    assert (absent_mask.evidence.area_rel, absent_mask.evidence.components) == (0.0, 0)
    assert present_mask.evidence.area_rel > 0
    for name in ("stability", "soft_iou", "predicted_ious"):
        assert getattr(absent_mask.evidence, name) == getattr(present_mask.evidence, name)
    assert 0 < absent_mask.evidence.stability < 1


def test_a_click_has_three_candidates_and_a_box_one(engine: Sam2Engine) -> None:
    got = engine.segment(PanningVideo(3), prompt_set(click(0), boxed(0)), FrameIndex(0)).objects
    ious = {item.object_id: item.evidence.predicted_ious for item in got}
    assert len(ious[ObjectId("a")]) == 3
    assert list(ious[ObjectId("a")]) == sorted(ious[ObjectId("a")], reverse=True)
    assert len(ious[ObjectId("b")]) == 1


def test_batched_objects_equal_single_ones(engine: Sam2Engine) -> None:
    """Five objects in one batch against each alone: equal logits except for rounding."""
    prompts = [boxed(0, name=name) for name in "abcd"] + [drawn(0, name="e")]

    def logits(prompts_of_one: PromptSet) -> dict[tuple[str, int], torch.Tensor]:
        masks = engine.track(
            PanningVideo(10),
            prompts_of_one,
            direction=Direction.FORWARD,
            frame_range=frames(0, 10),
            cancel=NeverCancelled(),
        )
        return {(item.track.object_id, index): item.decoded.logits for index, items in masks for item in items}

    together = logits(prompt_set(*prompts))
    for prompt in prompts:
        for key, alone in logits(prompt_set(prompt)).items():
            difference = F.l1_loss(together[key], alone, reduction="none").max()
            assert float(difference) <= 1e-3


class TestPrewarming:
    def test_a_prewarmed_frame_is_not_decoded_again(self) -> None:
        video, prompts = PanningVideo(8), prompt_set(click(3))
        cold = random_engine().segment(video, prompts, FrameIndex(3))
        engine = random_engine()
        ready = engine.prewarm(video, [FrameIndex(3), FrameIndex(4)], cancel=NeverCancelled())
        assert ready == (3, 4)
        video.read.clear()
        warm = engine.segment(video, prompts, FrameIndex(3))
        assert video.read == []
        assert np.array_equal(warm.objects[0].mask, cold.objects[0].mask)

    def test_prewarming_is_bounded_by_the_cache(self) -> None:
        video = PanningVideo(8)
        ready = random_engine(cached_frames=2).prewarm(
            video, [FrameIndex(i) for i in range(8)], cancel=NeverCancelled()
        )
        assert ready == (0, 1) == tuple(video.read)

    def test_it_yields_between_frames_and_forgets_on_request(self) -> None:
        class Soon:
            left = 2

            def raise_if_cancelled(self) -> None:
                self.left -= 1
                if self.left < 0:
                    raise Cancelled("a click is queued")

        video, engine = PanningVideo(8), random_engine()
        with pytest.raises(Cancelled):
            engine.prewarm(video, [FrameIndex(i) for i in range(8)], cancel=Soon())
        assert engine.prewarm(video, [], cancel=NeverCancelled()) == (0, 1)
        engine.forget(video.info.content_hash)
        assert engine.prewarm(video, [], cancel=NeverCancelled()) == ()
