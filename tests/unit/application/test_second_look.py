"""A second look: which passes are made for which frames, and what is compared with what."""

from __future__ import annotations

import zlib
from collections.abc import Collection

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.application.ports import CancelToken, Propagation, VideoSource
from backend.application.second_look import LONGEST_WAY, SecondLook, ShownMasks
from backend.domain.geometry import mask_iou
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.fakes.engine import FakeCodec, FakeVideo
from tests.fakes.remembering import RememberingSegmenter

CAT, DOG = ObjectId("cat"), ObjectId("dog")
Mask = NDArray[np.bool_]


def picture(*bits: object) -> Mask:
    """A mask that is this object's on this frame alone."""
    seed = zlib.crc32(repr(bits).encode())
    mask: Mask = np.random.default_rng(seed).random((8, 16)) < 0.5
    return mask


def span(start: int, stop: int) -> FrameRange:
    return FrameRange(FrameIndex(start), FrameIndex(stop))


class AskedSegmenter(RememberingSegmenter):
    """Remembers what it was asked, pass by pass."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, range, dict[str, int]]] = []
        self.prompts: list[PromptSet] = []

    def propagate(
        self,
        video: VideoSource,
        prompts: PromptSet,
        *,
        direction: Direction,
        span: FrameRange | None = None,
        cancel: CancelToken,
        resume: bytes | None = None,
    ) -> Propagation:
        assert span is not None
        at = {str(prompt.object_id): int(prompt.frame_index) for prompt in prompts}
        self.asked.append((direction.value, range(span.start, span.stop), at))
        self.prompts.append(prompts)
        return super().propagate(video, prompts, direction=direction, span=span, cancel=cancel, resume=resume)


def shown(object_id: ObjectId, *human: int, empty: Collection[int] = ()) -> ShownMasks:
    def mask(frame: int) -> Mask:
        return np.zeros((8, 16), np.bool_) if frame in empty else picture(object_id, frame)

    return ShownMasks(object_id, human, mask)


@pytest.fixture
def engine() -> AskedSegmenter:
    return AskedSegmenter()


@pytest.fixture
def look(engine: AskedSegmenter) -> SecondLook:
    return SecondLook(engine, FakeVideo(200), FakeCodec())


def test_each_stretch_with_a_spot_is_passed_both_ways_from_one_human_frame_alone(
    engine: AskedSegmenter, look: SecondLook
) -> None:
    found = look.forward_backward([shown(CAT, 2, 6, 12)], [(CAT, 4), (CAT, 5), (CAT, 1), (CAT, 15)])
    assert engine.asked == [("forward", range(2, 6), {"cat": 2}), ("backward", range(3, 7), {"cat": 6})]
    np.testing.assert_array_equal(engine.prompts[1].prompts[0].mask, picture(CAT, 6))
    assert set(found) == {(CAT, 4), (CAT, 5)}


def test_the_two_ways_masks_are_compared(engine: AskedSegmenter, look: SecondLook) -> None:
    found = look.forward_backward([shown(CAT, 2, 6)], [(CAT, 4)])
    ways = []
    for number, (way, frames) in enumerate([(Direction.FORWARD, span(2, 6)), (Direction.BACKWARD, span(3, 7))]):
        made = RememberingSegmenter().propagate(
            look.video, engine.prompts[number], direction=way, span=frames, cancel=look.cancel
        )
        ways += [masks.objects[0].mask for masks in made if masks.frame_index == 4]
    assert found[CAT, 4] == pytest.approx(1 - mask_iou(*ways))


def test_objects_with_the_same_human_frames_share_their_passes(engine: AskedSegmenter, look: SecondLook) -> None:
    found = look.forward_backward([shown(CAT, 2, 6), shown(DOG, 2, 6)], [(CAT, 4), (DOG, 5)])
    assert len(engine.asked) == 2
    assert set(found) == {(CAT, 4), (DOG, 5)}


def test_masks_are_carried_back_to_the_nearest_human_frame_those_of_a_side_in_one_pass(
    engine: AskedSegmenter, look: SecondLook
) -> None:
    found = look.cycle([shown(CAT, 2, 12)], [(CAT, 1), (CAT, 4), (CAT, 5), (CAT, 9)])
    assert engine.asked == [
        ("forward", range(1, 3), {"1": 1}),
        ("backward", range(2, 6), {"4": 4, "5": 5}),
        ("forward", range(9, 13), {"9": 9}),
    ]
    made = RememberingSegmenter().propagate(
        look.video,
        engine.prompts[1],
        direction=Direction.BACKWARD,
        span=span(2, 6),
        cancel=look.cancel,
    )
    (arrived,) = [masks for masks in made if masks.frame_index == 2]
    expected = {int(one.object_id): 1 - mask_iou(one.mask, picture(CAT, 2)) for one in arrived.objects}
    assert {frame: found[CAT, frame] for frame in (4, 5)} == pytest.approx(expected)


def test_what_is_too_far_or_empty_or_without_a_human_frame_is_left_out(
    engine: AskedSegmenter, look: SecondLook
) -> None:
    objects = [shown(CAT, 2, empty=[5]), shown(DOG), shown(ObjectId("gone"), 3, empty=[3])]
    far = 3 + LONGEST_WAY
    spots = [(CAT, 5), (CAT, far), (DOG, 4), (ObjectId("gone"), 4)]
    assert look.at(objects, spots) == {}
    assert engine.asked == []


def test_both_questions_together(look: SecondLook) -> None:
    found = look.at([shown(CAT, 2, 6)], [(CAT, 4), (CAT, 8)])
    assert found[CAT, 4].forward_backward is not None
    assert found[CAT, 4].cycle is not None
    assert found[CAT, 8].forward_backward is None
    assert found[CAT, 8].cycle is not None


def test_passes_for_what_is_not_sought_are_not_made(engine: AskedSegmenter, look: SecondLook) -> None:
    found = look.at([shown(CAT, 2, 6)], [(CAT, 4)], ["cycle"])
    assert (found[CAT, 4].forward_backward, len(engine.asked)) == (None, 1)
