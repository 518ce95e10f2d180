"""Label Studio's JSON as prompts: which task is of a video, which of its regions count, on which frames."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.mask_forms.brush_rle import encode_rle
from backend.adapters.labelstudio.reading.exported_tasks import ReadTasks, read_tasks
from backend.domain.errors import PromptError
from backend.domain.geometry import FrameSize
from backend.domain.timeline import FrameClock, clock_of
from backend.domain.video import ContentHash, VideoInfo
from tests.unit.adapters.labelstudio.builders import PAGES, VIDEO, rectangle_mask

Json = dict[str, Any]
SIZE = FrameSize(40, 20)
MASK = rectangle_mask(SIZE, 4, 5, 20, 15)


def brush(label: str, page: int, *, region_id: str = "r", to_name: str = "img") -> Json:
    value = {"format": "rle", "rle": encode_rle(MASK), "brushlabels": [label] if label else []}
    sides = {"original_width": SIZE.width, "original_height": SIZE.height, "item_index": page}
    return {
        "id": f"{region_id}{page}",
        "from_name": "b",
        "to_name": to_name,
        "type": "brushlabels",
        "value": value,
        **sides,
    }


def task(data: Json, *results: list[Json], predicted: list[Json] | None = None, cancelled: bool = False) -> Json:
    annotations = [{"result": result, "was_cancelled": cancelled} for result in results]
    return {"id": 1, "data": data, "annotations": annotations, "predictions": [{"result": predicted or []}]}


def read(folder: Path, *tasks: Json, name: str = "clip", config: str = PAGES) -> ReadTasks:
    path = folder / f"{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")

    def clock() -> FrameClock:
        return clock_of(VideoInfo(ContentHash(""), SIZE, 20, Fraction(24)), read_binding(config).framerate)

    return read_tasks(path, (name,), read_binding(config), clock)


def found(tasks: ReadTasks) -> list[tuple[str, str, int]]:
    return [(each.key, each.label, each.frame) for each in tasks.objects]


@pytest.mark.parametrize(
    "data",
    [
        {"video": "/data/upload/3/0123abcd-clip.mp4"},
        {"video": "/data/local-files/?d=videos/clip.mp4"},
        {"video": "https://host/a/clip.mp4?X-Amz-Signature=x"},
        {"frames": ["pages/clip/000000.jpg", "pages/clip/000001.jpg"]},
        {"image": "s3://bucket/clip.png"},
        {"frames": ["/media/x/0.jpg"], "masklet": {"video": "clip.mp4"}},
    ],
)
def test_a_task_is_found_by_the_name_of_its_video(tmp_path: Path, data: Json) -> None:
    other = task({"video": "/data/upload/3/other.mp4"}, [brush("Dog", 0)])
    assert found(read(tmp_path, other, task(data, [brush("Cat", 1)]))) == [("Cat", "Cat", 1)]
    with pytest.raises(PromptError, match=r"has no task of 'another'; it has tasks of '.*'other'"):
        read(tmp_path, other, task(data, [brush("Cat", 1)]), name="another")


def test_the_newest_annotation_counts_or_else_the_prediction(tmp_path: Path) -> None:
    data = {"video": "clip.mp4"}
    assert found(read(tmp_path, task(data, [brush("Dog", 0)], [brush("Cat", 2), brush("Cat", 1)]))) == [
        ("Cat", "Cat", 1)
    ]
    predicted = [brush("Dog", 3)]
    assert found(read(tmp_path, task(data, [brush("Cat", 0)], predicted=predicted, cancelled=True))) == [
        ("Dog", "Dog", 3)
    ]
    with pytest.raises(PromptError, match="no region for 'clip': it is neither annotated nor predicted there"):
        read(tmp_path, task(data))


def test_pages_of_an_import_are_the_frames_that_its_tasks_show(tmp_path: Path) -> None:
    first = {"frames": ["x"], "masklet": {"video": "clip.mp4", "start": 0, "stop": 3}}
    second = {"frames": ["x"], "masklet": {"video": "clip.mp4", "start": 3, "stop": 12, "frames": "3-4,9-11"}}
    tasks = task(second, [brush("Cat", 0), brush("Dog", 3)]), task(first, [brush("Cat", 2)])
    assert sorted(found(read(tmp_path, *tasks))) == [("Cat", "Cat", 2), ("Dog", "Dog", 10)]
    with pytest.raises(PromptError, match=r"\[0\]: a region is on page 6 of 5"):
        read(tmp_path, task(second, [brush("Cat", 5)]))


def test_a_track_s_number_is_the_frame_that_the_page_shows(tmp_path: Path) -> None:
    keyframes = [{"frame": 5, "enabled": True, "x": 10, "y": 10, "width": 20, "height": 40}]
    track = {
        "id": "t1",
        "to_name": "vid",
        "type": "videorectangle",
        "value": {"sequence": keyframes, "labels": ["Dog"]},
    }
    read_back = read(tmp_path, task({"video": "clip.mp4"}, [track]), config=VIDEO)
    assert [(each.label, each.frame, each.mask) for each in read_back.objects] == [("Dog", 3, None)], "25 and 24 fps"


def test_the_tag_of_another_project_is_read_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    drawn = [brush("Cat", 0, to_name="image"), {**brush("Cat", 1, to_name="image"), "type": "cuboidlabels"}]
    tasks = read(tmp_path, task({"video": "clip.mp4"}, drawn))
    assert (found(tasks), dict(tasks.left_out)) == ([("Cat", "Cat", 0)], {"cuboidlabels": 1})
    unlabelled = read(tmp_path, task({"video": "clip.mp4"}, [brush("", 0)]))
    assert found(unlabelled) == [("unlabelled", "unlabelled", 0)], "the import names it: no label config has it"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is not JSON"),
        ("{}", "must be a list of tasks, as Label Studio's JSON export has it"),
        ("[1]", r"\[0\] must be an object"),
        ('[{"data": {}, "annotations": 3}]', r"annotations must be a list, .* must be Label Studio's JSON export"),
    ],
)
def test_faults_name_the_file(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "tasks.json").write_text(content)
    with pytest.raises(PromptError, match=rf"tasks.json.*{sentence}"):
        read_tasks(tmp_path / "tasks.json", ("clip",), read_binding(PAGES), lambda: None)
