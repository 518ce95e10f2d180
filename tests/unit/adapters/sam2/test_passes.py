"""The passes of a propagation: their frames, lengths and remaining frames."""

from __future__ import annotations

import pytest

from backend.adapters.sam2.passes import FramePass, planned_passes
from backend.domain.geometry import Box
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange

A, B = ObjectId("a"), ObjectId("b")


def prompts(**frames: int) -> PromptSet:
    box = Box(0.1, 0.1, 0.5, 0.5)
    return PromptSet.of([FramePrompt(ObjectId(n), FrameIndex(f), box=box) for n, f in frames.items()], {})


def frame_range(start: int, stop: int) -> FrameRange:
    return FrameRange(FrameIndex(start), FrameIndex(stop))


def lengths(direction: Direction, frames: FrameRange, **starts: int) -> list[int]:
    return [len(one) for one in planned_passes(prompts(**starts), direction, frames)]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [(Direction.FORWARD, [6]), (Direction.BACKWARD, [5]), (Direction.BOTH, [6, 4])],
)
def test_frames_between_two_starts_are_passed_twice(direction: Direction, expected: list[int]) -> None:
    assert lengths(direction, frame_range(0, 8), a=2, b=4) == expected


def test_both_of_one_object_passes_every_frame_once() -> None:
    assert sum(lengths(Direction.BOTH, frame_range(0, 8), a=3)) == 8
    assert lengths(Direction.BOTH, frame_range(0, 8), a=0) == [8, 0]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [(frame_range(2, 6), [2, 2]), (frame_range(5, 8), [3, 0]), (frame_range(1, 4), [0, 3])],
    ids=["around the prompt", "after it", "before it"],
)
def test_a_range_bounds_the_passes(frames: FrameRange, expected: list[int]) -> None:
    assert lengths(Direction.BOTH, frames, a=4) == expected


def test_the_remaining_frames_of_a_pass() -> None:
    forward, backward = FramePass(False, 3, 7, {A: 3, B: 5}), FramePass(True, 0, 4, {A: 2, B: 3})
    assert (forward.rest(0), forward.rest(3), forward.rest(4)) == (frame_range(3, 7), frame_range(6, 7), None)
    assert (backward.rest(0), backward.rest(3), backward.rest(4)) == (frame_range(0, 4), frame_range(0, 1), None)
    assert [forward.has_joined(B, index) for index in (4, 5, 6)] == [False, True, True]
    assert [backward.has_joined(A, index) for index in (3, 2, 1)] == [False, True, True]
