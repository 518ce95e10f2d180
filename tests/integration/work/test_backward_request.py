"""The masks of a backward action equal, bit for bit, those of the whole video's propagation."""

from __future__ import annotations

import torch

from backend.application.annotation.annotation_service import UserTask
from backend.application.annotation.propagate_range import TURN_FRAMES, FrameRequest, backward_request
from backend.application.ports.engine import NeverCancelled
from backend.domain.geometry import BoolMask, Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.fakes.models import random_engine
from tests.integration.engine.oracle import PanningVideo

COUNT = 40
A, B, LATE = ObjectId("a"), ObjectId("b"), ObjectId("late")
USER_TASK = UserTask(TaskKey(1, 2), MediaRef(tuple(f"/{page}.png" for page in range(COUNT)), True), "<View/>", "v")


def clicked(object_id: ObjectId, frame: int, x: float) -> FramePrompt:
    return FramePrompt(object_id, FrameIndex(frame), (PointPrompt(Point(x, 0.5)),))


def test_the_requested_frames_equal_the_whole_propagation() -> None:
    torch.set_num_threads(1)
    engine = random_engine()
    prompts = PromptSet.of([clicked(A, 8, 0.3), clicked(A, 33, 0.4), clicked(B, 12, 0.7), clicked(LATE, 20, 0.5)], {})

    def masks(prompts: PromptSet, frame_range: FrameRange | None) -> dict[tuple[ObjectId, int], BoolMask]:
        made = engine.propagate(
            PanningVideo(COUNT), prompts, direction=Direction.BOTH, frame_range=frame_range, cancel=NeverCancelled()
        )
        return {(shown.object_id, found.frame_index): shown.mask for found in made for shown in found.objects}

    request = backward_request(USER_TASK, prompts, FrameRequest(FrameIndex(14), Direction.BACKWARD, 8))
    assert request is not None
    assert (request.prompts.object_ids, request.frames) == (
        (A, B),
        FrameRange(FrameIndex(6), FrameIndex(12 + TURN_FRAMES)),
    )
    whole, backward = masks(prompts, None), masks(request.prompts, request.frames)
    within = {(name, frame): mask for (name, frame), mask in backward.items() if frame <= 14}
    assert within.keys() == {(name, frame) for name in (A, B) for frame in range(6, 15)}
    assert all((mask == whole[key]).all() for key, mask in within.items())


def test_the_turn_is_longer_than_the_models_memory() -> None:
    assert random_engine().blocks.pointer_horizon < TURN_FRAMES
