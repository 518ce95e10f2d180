"""Media and user of a task."""

from __future__ import annotations

import pytest

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.reading.task import media_of_task, user_of_drafts
from backend.domain.errors import MalformedRequest
from backend.domain.tasks import MediaRef
from tests.unit.adapters.labelstudio.builders import PAGES, VIDEO

KEYFRAME = (
    '<View><Image name="i" value="$image"/><BrushLabels name="b" toName="i"><Label value="Cat"/></BrushLabels></View>'
)


def test_pages_keep_their_order() -> None:
    task = {"id": 1, "data": {"frames": ["/data/upload/1/b.jpg", "/data/upload/1/a.jpg"]}}
    media = media_of_task(task, read_binding(PAGES), task_id=7)
    assert media == MediaRef(("/data/upload/1/b.jpg", "/data/upload/1/a.jpg"), is_pages=True)


def test_a_videos_address_may_be_nested() -> None:
    media = media_of_task({"data": {"clip": {"file": " https://h/v.mp4 "}}}, read_binding(VIDEO), task_id=7)
    assert media == MediaRef(("https://h/v.mp4",), is_pages=False)


def test_a_dotted_name_in_the_data_itself_wins() -> None:
    media = media_of_task({"data": {"clip.file": "/a.mp4", "clip": {"file": "/b.mp4"}}}, read_binding(VIDEO), task_id=7)
    assert media.addresses == ("/a.mp4",)


def test_one_image_is_one_page() -> None:
    assert media_of_task({"data": {"image": "/x.png"}}, read_binding(KEYFRAME), task_id=7) == MediaRef(
        ("/x.png",), is_pages=True
    )


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({}, "the task's data must be an object, not missing"),
        ({"data": []}, "the task's data must be an object, not list"),
        ({"data": {}}, "the task's data.frames is missing"),
        ({"data": {"frames": "/a.jpg"}}, "the task's data.frames must be a list, not str"),
        ({"data": {"frames": []}}, "must list 1 to 100000 pages, it lists 0"),
        ({"data": {"frames": ["/a.jpg", 7]}}, r"data\.frames\[1\] must be a string, not int"),
        ({"data": {"frames": ["/a.jpg", " "]}}, r"data\.frames\[1\] is empty"),
        ({"data": {"frames": ["x" * 16_385]}}, "16385 characters"),
    ],
)
def test_an_invalid_field_of_the_data_is_named(task: dict[str, object], message: str) -> None:
    with pytest.raises(MalformedRequest, match=message):
        media_of_task(task, read_binding(PAGES), task_id=7)


@pytest.mark.parametrize(
    ("drafts", "user"),
    [
        ([{"user": "ann@example.org"}], "ann@example.org"),
        ([{"user": 7}, {"user": 7}], "7"),
        ([{"user": 7}, {"user": 8}], ""),
        ([{"user": None}, "x"], ""),
        ([], ""),
        (None, ""),
    ],
)
def test_the_annotator_is_the_user_of_the_drafts(drafts: object, user: str) -> None:
    assert user_of_drafts({"drafts": drafts}) == user
