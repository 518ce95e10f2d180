"""The picture beside a correction task: its name in addresses, and the frame that it shows."""

from __future__ import annotations

import pytest

from backend.application.review.object_pictures import PicturedObject, prompted_frame
from backend.domain.geometry import Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex

CAT, DOG = ObjectId("Cat"), ObjectId("Dog")


def click(object_id: ObjectId, frame: int, *, positive: bool = True) -> FramePrompt:
    return FramePrompt(object_id, FrameIndex(frame), points=(PointPrompt(Point(0.5, 0.5), positive),))


PROMPTS = PromptSet.of(
    [click(CAT, 10), click(CAT, 20), click(CAT, 13, positive=False), click(DOG, 14)], {CAT: "Cat", DOG: "Dog"}
)


@pytest.mark.parametrize("object_id", ["1", "Cat", "Käse / 2-ü", "a" * 90])
def test_a_name_has_task_frame_and_object(object_id: str) -> None:
    pictured = PicturedObject(TaskKey(3, 44), FrameIndex(5), ObjectId(object_id))
    assert PicturedObject.of_name(pictured.name) == pictured
    assert "/" not in pictured.name


@pytest.mark.parametrize("name", ["0123456789abcdef0123456789abcdef", "object-1-2", "object-1-2-3-", "object-x-2-3-MQ"])
def test_other_names_are_of_no_object(name: str) -> None:
    assert PicturedObject.of_name(name) is None


@pytest.mark.parametrize(("near", "shown"), [(0, 10), (14, 10), (15, 10), (16, 20), (10, 20), (99, 20)])
def test_the_nearest_other_prompted_frame_is_shown(near: int, shown: int) -> None:
    assert prompted_frame(PROMPTS, CAT, near=FrameIndex(near)) == shown


def test_the_corrected_frame_itself_is_shown_where_no_other_is_prompted() -> None:
    assert prompted_frame(PROMPTS, DOG, near=FrameIndex(14)) == 14
    assert prompted_frame(PROMPTS, ObjectId("Cow"), near=FrameIndex(7)) == 7
