"""Propagations that skip frames: every n-th frame, and the prompted ones. The frames between get no masks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backend.domain.errors import PromptError
from backend.domain.prompts import PromptSet
from backend.domain.replan import Pass, PassPlan, wanted_frames
from backend.domain.video import Direction, FrameIndex, FrameRange

NOTHING_KEPT = PassPlan((), {})


@dataclass(frozen=True, slots=True)
class FrameGrid:
    """Every `stride`-th frame of a video, `start` among them. Raises PromptError for a stride below 1."""

    start: FrameIndex
    stride: int

    def __post_init__(self) -> None:
        if self.stride < 1:
            raise PromptError(f"a stride is at least 1, got {self.stride}")

    def frames(self, within: FrameRange) -> range:
        """The grid's frames in a range, ascending."""
        first = within.start + (self.start - within.start) % self.stride
        return range(first, within.stop, self.stride)

    def visited(self, within: FrameRange, prompted: Iterable[int]) -> tuple[int, ...]:
        """The grid's frames in a range and all prompted frames, ascending: what the engine goes through."""
        return tuple(sorted({*self.frames(within), *prompted}))


def grid_pass_plan(
    prompts: PromptSet,
    grid: FrameGrid,
    *,
    direction: Direction,
    requested: FrameRange,
    kept: PassPlan = NOTHING_KEPT,
) -> PassPlan:
    """One pass over the grid's frames in the requested range, and over the prompted frames, which memory needs.

    prompts: of the objects to compute. kept: what is kept of an earlier run. An object with all wanted frames kept is
    not computed.
    """
    missing = [
        object_id
        for object_id in prompts.object_ids
        if any(
            not kept.keeps(object_id, frame)
            for frame in _wanted(prompts.of_object(object_id), grid, direction, requested)
        )
    ]
    if not missing:
        return PassPlan((), kept.kept)
    visited = grid.visited(requested, prompts.only(missing).prompted_frames)
    return PassPlan((Pass(tuple(missing), direction, requested, visited),), kept.kept)


def _wanted(prompts: PromptSet, grid: FrameGrid, direction: Direction, requested: FrameRange) -> Iterator[int]:
    """The frames of one object that the engine makes."""
    frames = wanted_frames(prompts.prompted_frames[0], direction=direction, requested=requested)
    return (frame for frame in grid.visited(requested, prompts.prompted_frames) if frame in frames)
