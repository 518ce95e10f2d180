"""Grids of frames, and the passes over them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.errors import PromptError
from backend.domain.frame_grid import FrameGrid, grid_pass_plan
from backend.domain.geometry import Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.replan import Pass, PassPlan, pass_frames, total_frames
from backend.domain.video import Direction, FrameIndex, FrameRange

CAT, DOG = ObjectId("cat"), ObjectId("dog")


def frames(start: int, stop: int) -> FrameRange:
    return FrameRange(FrameIndex(start), FrameIndex(stop))


def clicks(*at: tuple[ObjectId, int]) -> PromptSet:
    return PromptSet.of((FramePrompt(i, FrameIndex(frame), (PointPrompt(Point(0.5, 0.5)),)) for i, frame in at), {})


@given(st.integers(0, 40), st.integers(1, 12), st.integers(0, 40), st.integers(1, 40))
def test_the_frames_of_a_range_are_those_of_the_grid(start: int, stride: int, first: int, count: int) -> None:
    grid = FrameGrid(FrameIndex(start), stride)
    within = frames(first, first + count)
    assert list(grid.frames(within)) == [
        frame for frame in range(first, first + count) if (frame - start) % stride == 0
    ]
    assert list(grid.frames(frames(start, start + stride + 1))) == [start, start + stride]


def test_a_stride_below_one_is_refused() -> None:
    with pytest.raises(PromptError, match="at least 1, got 0"):
        FrameGrid(FrameIndex(3), 0)


def test_the_engine_visits_the_grid_and_the_prompted_frames_alone() -> None:
    prompts = clicks((CAT, 2), (CAT, 9), (DOG, 6))
    plan = grid_pass_plan(prompts, FrameGrid(FrameIndex(2), 5), direction=Direction.FORWARD, requested=frames(2, 20))
    (one,) = plan.passes
    assert one.visited == (2, 6, 7, 9, 12, 17)
    assert list(pass_frames(one, prompts)) == [
        (2, (CAT,)),
        *((frame, (CAT, DOG)) for frame in (6, 7, 9, 12, 17)),
    ]
    assert total_frames(one, prompts) == 6


def test_backward_the_frames_before_the_first_prompt_follow() -> None:
    prompts = clicks((CAT, 6))
    plan = grid_pass_plan(prompts, FrameGrid(FrameIndex(6), 3), direction=Direction.BOTH, requested=frames(0, 10))
    (one,) = plan.passes
    assert [frame for frame, _ in pass_frames(one, prompts)] == [6, 9, 3, 0]


def test_kept_frames_are_not_wanted_again() -> None:
    prompts = clicks((CAT, 0), (DOG, 0))
    grid = FrameGrid(FrameIndex(0), 4)
    kept = PassPlan((), {CAT: (frames(0, 1), frames(4, 5), frames(8, 9)), DOG: (frames(0, 5),)})
    plan = grid_pass_plan(prompts, grid, direction=Direction.FORWARD, requested=frames(0, 10), kept=kept)
    assert plan == PassPlan((Pass((DOG,), Direction.FORWARD, frames(0, 10), (0, 4, 8)),), kept.kept)
    done = PassPlan((), dict.fromkeys((CAT, DOG), (frames(0, 9),)))
    assert grid_pass_plan(prompts, grid, direction=Direction.FORWARD, requested=frames(0, 10), kept=done) == done
