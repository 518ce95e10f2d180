"""The legs of a propagation: which frames it passes, in which order, and where each object joins it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange


@dataclass(frozen=True, slots=True)
class FramePass:
    """One pass over frames start..stop-1, ascending or (backward) descending.

    joins: the frame at which each object joins; one whose frame the pass does not reach never does.
    """

    backward: bool
    start: int
    stop: int
    joins: Mapping[ObjectId, int]

    def __len__(self) -> int:
        return max(self.stop - self.start, 0)

    def rest(self, passed: int) -> FrameRange | None:
        """The frames still to be passed after so many; None if that is all of them."""
        if passed >= len(self):
            return None
        if self.backward:
            return FrameRange(FrameIndex(self.start), FrameIndex(self.stop - passed))
        return FrameRange(FrameIndex(self.start + passed), FrameIndex(self.stop))

    def has_joined(self, object_id: ObjectId, frame_index: int) -> bool:
        joined = self.joins[object_id]
        return frame_index <= joined if self.backward else frame_index >= joined


def planned_passes(prompts: PromptSet, direction: Direction, span: FrameRange) -> tuple[FramePass, ...]:
    """Forward from each object's first prompted frame, then backward from it; what lies outside the span is left out.

    After a forward leg, the backward one leaves out the frames that the forward one started at.
    """
    first_prompted = {name: prompts.of_object(name).prompted_frames[0] for name in prompts.object_ids}
    joins: dict[ObjectId, int] = {name: max(frame, span.start) for name, frame in first_prompted.items()}
    legs: list[FramePass] = []
    if direction is not Direction.BACKWARD:
        legs.append(FramePass(False, min(joins.values()), span.stop, joins))
    if direction is not Direction.FORWARD:
        skip = 1 if direction is Direction.BOTH else 0
        back = {name: min(frame - skip, span.stop - 1) for name, frame in joins.items()}
        legs.append(FramePass(True, span.start, max(back.values()) + 1, back))
    return tuple(legs)
