"""The names of tasks' videos in exports."""

from __future__ import annotations

import pytest

from backend.adapters.labelstudio.api.task_names import name_of_task

MEDIA = "http://localhost:9090/media/ab/0-cd/video.mp4"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"video": "/data/upload/1/x.mp4", "clip": "dir/a.mp4 [02/14]"}, "a_02-of-14"),
        ({"video": "s3://films/dir/clip 7.mp4"}, "clip 7"),
        ({"clip": "s3://films/dir/clip 7.mp4"}, "clip 7"),
        ({"clip": MEDIA, "masklet": {"video": "cat.mov", "segment": 1, "segments": 1}}, "cat"),
        ({"clip": MEDIA, "masklet": {"video": "cat.mov", "segment": 3, "segments": 12}}, "cat_03-of-12"),
        ({"clip": MEDIA, "masklet": "x"}, "video"),
        ({"n": 3}, "task-7"),
    ],
)
def test_a_clip_is_named_by_its_name_its_import_or_its_file(data: dict[str, object], name: str) -> None:
    assert name_of_task(7, data) == name
