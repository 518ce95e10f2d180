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
from backend.domain.geometry import Box, FrameSize

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


def mask_of_each(objects: list[ReadObject]) -> list[tuple[str, int, list[int]]]:
    """Key, frame, and left, top, right, bottom of the mask's pixels."""
    shown = []
    for each in objects:
        assert each.mask is not None
        rows, columns = np.nonzero(each.mask)
        shown.append((each.key, each.frame, [int(n) for n in (columns.min(), rows.min(), columns.max(), rows.max())]))
    return shown


def runs(*lengths: int) -> dict[str, object]:
    """A mask of 100x50 in uncompressed run lengths, by columns."""
    return {"size": [50, 100], "counts": [*lengths, 5000 - sum(lengths)]}


def sav_json(path: Path, rows: list[list[object]], frames: float = 13.0) -> Path:
    """As SA-V publishes it: a row for every fourth frame, no labels."""
    return write(path, json.dumps({"video_id": "clip", "video_frame_count": frames, "masklet": rows}))


def test_sav_as_it_is_published_has_a_row_for_every_fourth_frame(tmp_path: Path) -> None:
    empty = {"size": [50, 100], "counts": [5000]}
    manual = sav_json(tmp_path / "clip_manual.json", [[runs(0, 50), empty], [None, empty], [None, runs(100, 50)], []])
    auto = sav_json(tmp_path / "clip_auto.json", [[runs(50, 5)]] * 4)
    assert mask_of_each(read("sav", tmp_path)) == [
        ("manual 0", 0, [0, 0, 0, 49]),
        ("manual 1", 8, [2, 0, 2, 49]),
        ("auto 0", 0, [1, 0, 1, 4]),
    ]
    write(tmp_path / "labels.txt", "cat\ndog\ncar\n")
    assert found(read("sav", tmp_path)) == [("cat", 0), ("dog", 8), ("car", 0)]
    assert found(read("masks", manual)) == [("cat", 0), ("dog", 8)]
    assert found(read("sav", auto)) == [("cat", 0)]
    with pytest.raises(PromptError, match=r"has nothing for 'other': it has 'clip'"):
        read("sav", tmp_path, "other")
    odd = sav_json(tmp_path / "odd_manual.json", [[runs(0, 50)]] * 7)
    with pytest.raises(PromptError, match=r"odd_manual.json has 7 rows of masks for 13 frames; a row must be of every"):
        read("sav", odd, "odd")
    bare = write(tmp_path / "bare_auto.json", "{}")
    with pytest.raises(PromptError, match=r"bare_auto.json has no list 'masklet'"):
        read("sav", bare, "bare")


@pytest.mark.parametrize("root", ["Annotations/480p", "Annotations_6fps", "Annotations"])
def test_published_davis_and_sav_folders_are_found(tmp_path: Path, root: str) -> None:
    palette(tmp_path / root / "clip/00004.png", [1, 0])
    (tmp_path / "JPEGImages_24fps/clip").mkdir(parents=True)
    write(tmp_path / "labels.txt", "cat\n")
    assert found(read("masks", tmp_path)) == [("cat", 4)]


def coco_masks(tmp_path: Path, *segmentations: object, track: bool = False) -> Path:
    """An annotation on a frame each."""
    marks = [
        {"id": n, "image_id": n, "category_id": 1, "bbox": [10, 5, 20, 10], "segmentation": each}
        | ({"track_id": 7} if track else {})
        for n, each in enumerate(segmentations)
    ]
    images = [{"id": n, "file_name": f"clip/{n:04d}.png", "width": 200, "height": 100} for n in range(len(marks))]
    document = {"categories": [{"id": 1, "name": "cat"}], "images": images, "annotations": marks}
    return write(tmp_path / f"{abs(hash(str(document)))}.json", json.dumps(document))


def test_a_coco_segmentation_is_a_mask(tmp_path: Path) -> None:
    triangles = [[20, 10, 40, 10, 20, 30], [100, 50, 120, 50, 120, 70]]
    (each,) = read("coco", coco_masks(tmp_path, triangles))
    assert each.mask is not None
    assert (each.mask.shape, each.box) == ((100, 200), None)
    assert [bool(each.mask[y, x]) for x, y in ((21, 11), (38, 28), (118, 52), (101, 68), (60, 40))] == [
        *(True, False, True, False, False)
    ]
    absent = {"size": [50, 100], "counts": [5000]}
    tracked = coco_masks(tmp_path, absent, runs(100, 50), runs(0, 50), track=True)
    assert mask_of_each(read("coco", tracked)) == [("track 7", 1, [2, 0, 2, 49])]
    assert mask_of_each(read("coco", coco_masks(tmp_path, absent, runs(100, 50), runs(0, 50)))) == [
        ("annotation 1", 1, [2, 0, 2, 49])
    ]


@pytest.mark.parametrize(
    "rectangle", [[10, 5, 30, 5, 30, 15, 10, 15], [10, 5, 10, 15, 30, 15, 30, 5, 10, 5]], ids=["open", "closed"]
)
def test_a_coco_rectangle_is_a_box(tmp_path: Path, rectangle: list[float]) -> None:
    """As a mask it would say that the object fills its box."""
    for segmentation in ([rectangle], []):
        (each,) = read("coco", coco_masks(tmp_path, segmentation))
        assert (each.mask, each.box) == (None, Box(0.05, 0.05, 0.15, 0.15))


@pytest.mark.parametrize(
    ("segmentation", "sentence"),
    [
        ([[1, 2, 3, 4]], r"annotations\[0\], segmentation: a polygon has x and y of three corners or more; this has 4"),
        ([[1, 2, 3, "x", 5, 6]], r"annotations\[0\]: 'x' is not a number"),
        ([1, 2, 3], r"annotations\[0\] must be run lengths .* or a list of polygons"),
        ([[300, 2, 310, 2, 310, 9]], r"annotations\[0\]: the polygon has no pixel within the frame of 200x100"),
        ({"size": [50, 100], "counts": [1, -1, 5000]}, r"run lengths are not whole numbers from 0"),
        ({"size": [50, 100], "counts": [1]}, r"run lengths do not add up to its size, 100x50"),
        ({"size": [50, 100]}, r"must have size and counts"),
        ({"size": [50, 50], "counts": [2500]}, r"is 50x50 but the video is 100x50"),
    ],
)
def test_faults_of_coco_segmentations_name_the_annotation(tmp_path: Path, segmentation: object, sentence: str) -> None:
    with pytest.raises(PromptError, match=sentence):
        read("coco", coco_masks(tmp_path, segmentation))


def test_youtubevis_reads_uncompressed_masks_as_it_is_published(tmp_path: Path) -> None:
    videos = [{"id": 1, "file_names": ["clip/00000.jpg", "clip/00005.jpg"], "width": 100, "height": 50}]
    marks = [{"id": 3, "video_id": 1, "category_id": 1, "segmentations": [None, runs(100, 50)]}]
    document = {"categories": [{"id": 1, "name": "cat"}], "videos": videos, "annotations": marks}
    path = write(tmp_path / "instances.json", json.dumps(document))
    assert mask_of_each(read("youtubevis", path)) == [("annotation 3", 5, [2, 0, 2, 49])]


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
    with pytest.raises(PromptError, match=r"annotations\[0\], segmentations\[0\] must have size and counts"):
        read("youtubevis", instances.with_name("bad.json"))
