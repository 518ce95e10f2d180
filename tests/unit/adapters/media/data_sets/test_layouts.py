"""Data sets as other tools write them: names of classes, files that name no video, and what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.adapters.media.data_sets.common import ReadObject
from backend.adapters.media.data_sets.layouts import LAYOUTS, read_objects
from backend.domain.errors import InvalidInput, PromptError
from backend.domain.geometry import FrameSize

SIZE = FrameSize(100, 50)


def read(kind: str, path: Path, name: str = "clip", *, is_alone: bool = False) -> list[ReadObject]:
    return read_objects(kind, path, [name], SIZE, is_alone=is_alone)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def found(objects: list[ReadObject]) -> list[tuple[str, int]]:
    return [(each.label, each.frame) for each in objects]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("data.yaml", "train: images/train\nnames: [car, 'no', \"dog: big\"]\n"),
        ("data.yaml", "names:\n- car\n- no\n- 'dog: big'  # comment\nnc: 3\n"),
        ("data.yaml", "kpt:\n  2: nose\nnames:\n  2: 'dog: big'\n  0: car\n  1: no\n"),
        ("classes.txt", "car\nno\ndog: big\n"),
        ("obj.names", "car\nno\ndog: big\n"),
    ],
)
def test_yolo_reads_names_in_every_form(tmp_path: Path, file: str, text: str) -> None:
    write(tmp_path / "labels/train/clip_000004.txt", "2 0.5 0.5 0.2 0.4\n1 0.5 0.5 0.2 0.4\n")
    write(tmp_path / file, text)
    assert found(read("yolo", tmp_path)) == [("dog: big", 4), ("no", 4)]


def test_a_class_that_the_names_lack_is_an_error_with_the_names(tmp_path: Path) -> None:
    write(tmp_path / "clip_0.txt", "3 0.5 0.5 0.2 0.4\n")
    assert found(read("yolo", tmp_path)) == [("class 3", 0)], "no label config has it, so the import names the class"
    write(tmp_path / "data.yaml", "names: [car, dog]\n")
    with pytest.raises(PromptError, match=r"clip_0.txt, line 1: there is no class 3; the classes are 0 'car', 1 'dog'"):
        read("yolo", tmp_path)
    write(tmp_path / "data.yaml", "names: [car\n")
    with pytest.raises(InvalidInput, match=r"data.yaml is not YAML"):
        read("yolo", tmp_path)


def test_a_yolo_polygon_is_a_mask(tmp_path: Path) -> None:
    write(tmp_path / "clip/000002.txt", "0 0.105 0.21 0.195 0.21 0.195 0.39 0.105 0.39\n")
    write(tmp_path / "classes.txt", "car\n")
    (each,) = read("yolo-seg", tmp_path)
    assert each.mask is not None
    assert (each.label, each.frame) == ("car", 2)
    rows, columns = np.nonzero(each.mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 19, 10, 19)
    write(tmp_path / "clip/000002.txt", "0 0.1 0.2 0.1 0.2 0.1 0.2 0.3\n")
    with pytest.raises(
        PromptError, match=r"line 1: a YOLO line has class, x, y, width, height, or .* this has 8 cells"
    ):
        read("yolo-seg", tmp_path)


def cvat_coco(folder: Path) -> Path:
    images = [{"id": n + 1, "file_name": f"frame_{n:06d}.PNG", "width": 100, "height": 50} for n in range(3)]
    marks = [{"id": 1, "image_id": 3, "category_id": 1, "bbox": [0, 0, 10, 10], "attributes": {"occluded": False}}]
    document = {"categories": [{"id": 1, "name": "car"}], "images": images, "annotations": marks}
    return write(folder / "instances_default.json", json.dumps(document))


def test_cvats_coco_is_for_the_one_video_that_is_imported(tmp_path: Path) -> None:
    path = cvat_coco(tmp_path)
    assert found(read("coco", path, is_alone=True)) == [("car", 2)]
    assert found(read("coco", path, "instances_default")) == [("car", 2)]
    with pytest.raises(
        PromptError, match=r"nothing for 'clip': it names no video; import that video alone, or name it"
    ):
        read("coco", path)


def test_cvats_mot_has_its_classes_in_labels_txt(tmp_path: Path) -> None:
    write(tmp_path / "gt/labels.txt", "car\nbig dog\n")
    lines = write(tmp_path / "gt/gt.txt", "1,1,10,5,20,10,1,2,1.0\n1,2,10,5,20,10,1,1,1.0\n")
    for path in (tmp_path, lines):
        assert found(read("mot", path, is_alone=True)) == [("big dog", 0), ("car", 0)]
        assert found(read("mot", path, tmp_path.name)) == [("big dog", 0), ("car", 0)]
        with pytest.raises(PromptError, match="it names no video; import that video alone"):
            read("mot", path)
    write(lines, "1,1,10,5,20,10,1,3,1.0\n")
    with pytest.raises(PromptError, match=r"gt.txt, line 1: there is no class 3; the classes are 1 'car', 2 'big dog'"):
        read("mot", tmp_path, is_alone=True)


def palette(path: Path, numbers: list[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array([numbers], np.uint8).repeat(50, 0).repeat(100 // len(numbers), 1)).save(path)


def test_davis_has_categories_or_labels_and_objects_that_appear_late(tmp_path: Path) -> None:
    palette(tmp_path / "Annotations/clip/00000.png", [0, 2, 255, 0])
    palette(tmp_path / "Annotations/clip/00003.png", [1, 2, 0, 0])
    for path in (tmp_path, tmp_path / "Annotations"):
        assert found(read("masks", path)) == [("", 3), ("", 0)]
    write(tmp_path / "labels.txt", "car\ndog\n")
    assert found(read("masks", tmp_path / "Annotations")) == [("car", 3), ("dog", 0)]
    objects = {"1": {"category": "ape"}, "2": {"category": "bee"}}
    write(tmp_path / "meta.json", json.dumps({"videos": {"clip": {"objects": objects}}}))
    assert found(read("davis", tmp_path)) == [("ape", 3), ("bee", 0)]
    write(tmp_path / "meta.json", json.dumps({"videos": {}}))
    with pytest.raises(PromptError, match=r"meta.json has no videos.clip.objects with a category each"):
        read("davis", tmp_path)


@pytest.mark.parametrize(
    ("kind", "file", "text"),
    [
        ("mot", "clip.txt", "\n"),
        ("mots", "clip/gt/gt.txt", ""),
        ("yolo", "clip_3.txt", ""),
        ("coco-rle", "clip.json", '{"objects": [], "frames": []}'),
    ],
)
def test_a_file_that_yields_nothing_is_an_error(tmp_path: Path, kind: str, file: str, text: str) -> None:
    write(tmp_path / file, text)
    with pytest.raises(PromptError, match=rf"--prompts {kind}:.* has no object for 'clip': its files are empty"):
        read(kind, tmp_path)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_an_empty_folder_is_an_error(tmp_path: Path, kind: str) -> None:
    with pytest.raises(PromptError, match=rf"--prompts {kind}:.*(it has no file of that kind|that is no file)"):
        read(kind, tmp_path)


@pytest.mark.parametrize(
    ("kind", "file", "text", "sentence"),
    [
        ("mots", "clip.txt", "0 1001 1 50 100\n", "this has 5 cells"),
        ("mots", "clip.txt", "0 1001 1 50 60 a\n", "is 60x50 but the video is 100x50"),
        ("mots", "clip.txt", "0 1001 1 50 100 1\n", "run lengths do not add up"),
        ("coco-rle", "clip.json", '{"objects": []}', "has no list 'frames'"),
        ("coco-rle", "clip.json", "{", "is not JSON"),
    ],
)
def test_faults_name_the_place(tmp_path: Path, kind: str, file: str, text: str, sentence: str) -> None:
    write(tmp_path / file, text)
    with pytest.raises(PromptError, match=sentence) as failed:
        read(kind, tmp_path)
    assert file in str(failed.value)


def test_files_of_several_videos_with_faults(tmp_path: Path) -> None:
    table = write(tmp_path / "boxes.csv", "video,frame,x\nclip,0,1\n")
    with pytest.raises(PromptError, match=r"boxes.csv has no column 'height'"):
        read("boxes-csv", table)
    document = {"categories": [], "videos": [{"id": 1, "file_names": ["clip/00000.jpg"]}], "annotations": []}
    instances = write(tmp_path / "instances.json", json.dumps(document))
    with pytest.raises(PromptError, match=r"has nothing for 'other': it has 'clip'"):
        read("youtubevis", instances, "other")
    marks = [{"id": 7, "video_id": 1, "category_id": 1, "segmentations": [{"size": [50, 100]}]}]
    write(instances.with_name("bad.json"), json.dumps(document | {"annotations": marks}))
    with pytest.raises(PromptError, match=r"annotations\[0\], segmentations\[0\]: the mask must be COCO's"):
        read("youtubevis", instances.with_name("bad.json"))
