"""A frame that does not decode has masks, of the picture it shows, and does not become a memory."""

from __future__ import annotations

from backend.application.ports.engine import NeverCancelled
from backend.domain.geometry import Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.fakes.models import random_engine
from tests.integration.engine.oracle import PanningVideo

PROMPTS = PromptSet.of([FramePrompt(ObjectId("a"), FrameIndex(0), (PointPrompt(Point(0.5, 0.5), True),))], {})


class DamagedVideo(PanningVideo):
    def is_undecodable(self, index: int) -> bool:
        return index in (2, 3)


def test_it_is_not_remembered() -> None:
    masks = random_engine().track(
        DamagedVideo(6),
        PROMPTS,
        direction=Direction.FORWARD,
        frame_range=FrameRange(FrameIndex(0), FrameIndex(6)),
        cancel=NeverCancelled(),
    )
    remembered = [(int(index), sorted(item.track.memory.tracked)) for index, (item,) in masks]
    assert remembered == [(0, []), (1, [1]), (2, [1]), (3, [1]), (4, [1, 4]), (5, [1, 4, 5])]
