"""The passes of a propagation: their frames, their order, and the frame at which each object joins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange


@dataclass(frozen=True, slots=True)
class FramePass:
    """One pass over frames start..stop-1, ascending or (backward) descending.

    joins: the frame at which each object joins; an object whose frame is outside the pass never joins.
    """

    backward: bool
    start: int
    stop: int
    joins: Mapping[ObjectId, int]

    def __len__(self) -> int:
        return max(self.stop - self.start, 0)

    def rest(self, passed: int) -> FrameRange | None:
        """The remaining frames after `passed` frames; None if none remain."""
        if passed >= len(self):
            return None
        if self.backward:
            return FrameRange(FrameIndex(self.start), FrameIndex(self.stop - passed))
        return FrameRange(FrameIndex(self.start + passed), FrameIndex(self.stop))

    def has_joined(self, object_id: ObjectId, frame_index: int) -> bool:
        joined = self.joins[object_id]
        return frame_index <= joined if self.backward else frame_index >= joined


def planned_passes(prompts: PromptSet, direction: Direction, frame_range: FrameRange) -> tuple[FramePass, ...]:
    """Forward from each object's first prompted frame, then backward from it; only frames of the range.

    After a forward pass, the backward pass leaves out the frames at which the forward pass started.
    """
    first_prompted = {name: prompts.of_object(name).prompted_frames[0] for name in prompts.object_ids}
    joins: dict[ObjectId, int] = {name: max(frame, frame_range.start) for name, frame in first_prompted.items()}
    passes: list[FramePass] = []
    if direction is not Direction.BACKWARD:
        passes.append(FramePass(False, min(joins.values()), frame_range.stop, joins))
    if direction is not Direction.FORWARD:
        skip = 1 if direction is Direction.BOTH else 0
        back = {name: min(frame - skip, frame_range.stop - 1) for name, frame in joins.items()}
        passes.append(FramePass(True, frame_range.start, max(back.values()) + 1, back))
    return tuple(passes)
