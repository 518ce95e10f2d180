"""First boxes and masks of objects, from files that other tools wrote."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.adapters.media.data_sets.common import ReadObject
from backend.adapters.media.data_sets.layouts import read_objects
from backend.domain.errors import PromptError
from backend.domain.geometry import Box, FrameSize

SIZE = FrameSize(100, 50)


def shown(found: list[ReadObject]) -> list[tuple[str, int, str, tuple[float, ...]]]:
    return [(f.key, f.frame, f.label, tuple(round(v, 4) for v in corners(f.box))) for f in found]


def read(kind: str, path: Path, name: str = "clip", *, is_alone: bool = False) -> list[ReadObject]:
    return read_objects(kind, path, [name], SIZE, is_alone=is_alone)


def corners(box: Box | None) -> tuple[float, float, float, float]:
    assert box is not None
    return box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel


def test_mot_takes_the_first_frame_of_each_object(tmp_path: Path) -> None:
    (tmp_path / "clip.txt").write_text(
        "3,1,10,5,20,10,1,-1\n1,2,-10,0,30,50,1,-1\n1,1,0,0,10,10,1,1\n2,9,0,0,1,1,0,1\n"
    )
    (tmp_path / "another.txt").write_text("1,1,0,0,10,10")
    assert shown(read("mot", tmp_path)) == [
        ("1", 0, "class 1", (0.0, 0.0, 0.1, 0.2)),
        ("2", 0, "", (0.0, 0.0, 0.2, 1.0)),
    ]
    with pytest.raises(
        PromptError, match=r"nothing for 'other': it has 'another', 'clip'; import .* without --prompts"
    ):
        read("mot", tmp_path, "other")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("1,1,0,0", "line 1: a MOT line has frame, id"),
        ("0,1,0,0,5,5", "frames are whole numbers from 1"),
        ("1,1,x,0,5,5", "'x' is not a number"),
        ("1,1,nan,0,5,5", "not a finite number"),
        ("1,1,200,0,5,5", r"a box needs an area.*100x50"),
    ],
)
def test_mot_faults_name_the_line(tmp_path: Path, line: str, sentence: str) -> None:
    (tmp_path / "gt.txt").write_text(line)
    with pytest.raises(PromptError, match=sentence):
        read("mot", tmp_path / "gt.txt", is_alone=True)


@pytest.mark.parametrize("names", [("clip/000003.txt", "clip/000007.txt"), ("labels/clip_3.txt", "labels/clip_7.txt")])
def test_yolo_takes_the_first_frame_that_has_labels(tmp_path: Path, names: tuple[str, str]) -> None:
    for name, text in zip(names, ("1 0.5 0.5 0.2 0.4\n0 0.1 0.5 0.2 1 0.9\n", "0 0.5 0.5 1 1\n"), strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / names[0]).with_name(Path(names[0]).name.replace("3", "1")).write_text("")
    (tmp_path / "data.yaml").write_text("nc: 2\nnames:\n  0: Cat\n  1: 'Big dog'\n")
    assert shown(read("yolo", tmp_path)) == [
        ("0", 3, "Big dog", (0.4, 0.3, 0.6, 0.7)),
        ("1", 3, "Cat", (0.0, 0.0, 0.2, 1.0)),
    ]


def coco(tmp_path: Path, **changes: object) -> Path:
    document = {
        "categories": [{"id": 5, "name": "Cat"}],
        "images": [
            {"id": 1, "file_name": "clip/000004.jpg", "width": 200, "height": 100},
            {"id": 2, "file_name": "clip_0009.png"},
            {"id": 3, "file_name": "clipper_0001.png"},
        ],
        "annotations": [
            {"id": 10, "image_id": 2, "category_id": 5, "track_id": 1, "bbox": [0, 0, 50, 25]},
            {"id": 11, "image_id": 1, "category_id": 5, "track_id": 1, "bbox": [0, 0, 50, 25]},
            {"id": 12, "image_id": 2, "category_id": 5, "track_id": 2, "bbox": [50, 25, 50, 25]},
            {"id": 13, "image_id": 3, "category_id": 5, "track_id": 3, "bbox": [0, 0, 5, 5]},
        ],
    }
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(document | changes))
    return path


def test_coco_reads_first_boxes_with_each_images_size(tmp_path: Path) -> None:
    assert shown(read("coco", coco(tmp_path))) == [
        ("track 1", 4, "Cat", (0.0, 0.0, 0.25, 0.25)),
        ("track 2", 9, "Cat", (0.5, 0.5, 1.0, 1.0)),
    ]


def test_coco_without_tracks_takes_the_first_frame(tmp_path: Path) -> None:
    marks = [{"id": n, "image_id": image, "category_id": 5, "bbox": [0, 0, 9, 9]} for n, image in ((1, 2), (2, 1))]
    assert [(f.key, f.frame) for f in read("coco", coco(tmp_path, annotations=marks))] == [("annotation 2", 4)]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"images": None}, "has no list 'images'"),
        ({"images": [3]}, r"images\[0\] must be an object"),
        ({"annotations": [{"id": 1, "image_id": 1, "category_id": 5}]}, r"annotations\[0\]: bbox must be"),
    ],
)
def test_coco_faults_name_the_entry(tmp_path: Path, changes: dict[str, object], sentence: str) -> None:
    target = tmp_path / sentence[:5].replace("[", "")
    target.mkdir()
    with pytest.raises(PromptError, match=sentence):
        read("coco", coco(target, **changes))


def palette(path: Path, values: list[list[int]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.array(values, np.uint8).repeat(25, 0).repeat(25, 1), "P")
    image.putpalette([channel for index in range(256) for channel in (index, 0, 0)])
    image.save(path)


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated:DeprecationWarning")
def test_davis_palette_and_sav_folders(tmp_path: Path) -> None:
    palette(tmp_path / "Annotations/clip/00000.png", [[0, 0, 0, 0], [0, 0, 0, 0]])
    palette(tmp_path / "Annotations/clip/00002.png", [[0, 1, 1, 0], [2, 0, 0, 0]])
    found = read("masks", tmp_path)
    assert [(f.key, f.frame, int(f.mask.sum()) // 625) for f in found if f.mask is not None] == [
        ("1", 2, 2),
        ("2", 2, 1),
    ]
    palette(tmp_path / "sav/clip/000/00000.png", [[0, 0, 0, 0], [0, 0, 0, 0]])
    palette(tmp_path / "sav/clip/000/00004.png", [[255, 0, 0, 0], [0, 0, 0, 0]])
    palette(tmp_path / "sav/clip/001/00000.png", [[0, 255, 255, 0], [0, 0, 0, 0]])
    assert [(f.key, f.frame) for f in read("masks", tmp_path / "sav")] == [("000", 4), ("001", 0)]
    with pytest.raises(PromptError, match="nothing for 'other': it has 'clip'"):
        read("masks", tmp_path, "other")


def test_a_mask_of_another_shape_and_a_missing_mask_are_named(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    Image.new("L", (50, 50), 1).save(tmp_path / "clip/00000.png")
    with pytest.raises(PromptError, match=r"00000.png is 50x50 but the video is 100x50"):
        read("masks", tmp_path)
    (tmp_path / "clip/00000.png").write_bytes(b"no")
    with pytest.raises(PromptError, match="00000.png is not a mask image"):
        read("masks", tmp_path)
