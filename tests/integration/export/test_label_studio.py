"""`masklet export` from a real Label Studio: annotations, predictions and boxes are exported unchanged."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco

from backend.adapters.labelstudio.mask_forms.brush_rle import encode_rle
from backend.domain.geometry import BoolMask
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer
from tests.fakes.clips import ClipSpec, write_clip
from tests.fakes.commands import masklet

ROOT = Path(__file__).parents[3]
CONFIGS = ROOT / "label_config"
WIDTH, HEIGHT, PAGES = 64, 48, 4
NEWEST = ("--annotator", "newest")
Json = dict[str, Any]


def rectangle(x0: int, y0: int, x1: int, y1: int) -> BoolMask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


def brush(page: int, label: str, mask: BoolMask, **extra: object) -> Json:
    return {
        "id": f"{label[-1]}-{page}",
        "from_name": "mask",
        "to_name": "frames",
        "type": "brushlabels",
        "value": {"format": "rle", "rle": encode_rle(mask), "brushlabels": [label]},
        "item_index": page,
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        **extra,
    }


ONE, TWO = rectangle(2, 3, 20, 30), rectangle(30, 10, 64, 48)
EMPTY_RESULT: Json = {
    "id": "1-0",
    "from_name": "point",
    "to_name": "frames",
    "type": "keypointlabels",
    "item_index": 0,
    "value": {"format": "rle", "keypointlabels": ["▶ 15"]},
}
"""The empty result that Label Studio adds to an accepted region if labels stay selected."""


class ExportSetup:
    def __init__(self, server: LabelStudioServer, folder: Path) -> None:
        self.folder = folder
        self.files = server.files
        self.api = LabelStudioApi(server.url, server.login.token)
        self.environment = {
            **os.environ,
            "LABEL_STUDIO_URL": server.url,
            "LABEL_STUDIO_API_KEY": server.login.token,
            "MASKLET_DATA_DIR": str(folder / "data"),
            "COLUMNS": "200",
        }
        self.stderr = ""

    def project(self, config: str) -> int:
        return self.api.ensure_project(f"{config} {self.folder.name}", (CONFIGS / config).read_text())

    def task(self, project: int, data: Json) -> int:
        return int(self.api._call("POST", "/api/tasks/", json={"project": project, "data": data})["id"])

    def annotate(self, task: int, result: list[Json], **fields: object) -> None:
        self.api._call("POST", f"/api/tasks/{task}/annotations/", json={"result": result, **fields})

    def predict(self, task: int, result: list[Json]) -> None:
        body = {"task": task, "result": result, "model_version": "masklet-tiny-01234567", "score": 0.5}
        self.api._call("POST", "/api/predictions/", json=body)

    def export(self, *arguments: str) -> int:
        out = ["--out", str(self.folder / "out"), "--overwrite"]
        done = masklet("export", *arguments, *out, environment=self.environment)
        self.stderr = done.stderr
        return done.code

    def read(self, name: str) -> Any:  # noqa: ANN401
        return json.loads((self.folder / "out" / name).read_text())


@pytest.fixture
def studio(label_studio: LabelStudioServer, tmp_path: Path) -> Iterator[ExportSetup]:
    opened = ExportSetup(label_studio, tmp_path)
    yield opened
    opened.api.close()


def masks_of(document: Json) -> dict[tuple[int, str], BoolMask]:
    labels = {entry["number"]: entry["label"] for entry in document["objects"]}
    return {
        (frame["frame"], labels[shown["number"]]): coco.decode(shown["segmentation"]) > 0
        for frame in document["frames"]
        for shown in frame["objects"]
        if shown["segmentation"] is not None
    }


def pages(name: str) -> Json:
    return {"frames": [f"/data/local-files/?d=nowhere/{n}.jpg" for n in range(PAGES)], "clip": name, "fps": 25}


def test_annotations_and_predictions_of_pages(studio: ExportSetup) -> None:
    project = studio.project("frames.xml")
    first, second = studio.task(project, pages("clip.mp4")), studio.task(project, pages("clip.mp4"))
    studio.task(project, pages("untouched.mp4"))
    studio.annotate(first, [brush(1, "Object 2", TWO)])
    drawn = brush(0, "Object 1", ONE, origin="manual")
    kept = brush(2, "Object 1", ONE, origin="prediction", score=0.4)
    studio.annotate(first, [drawn, EMPTY_RESULT, kept, brush(2, "Object 2", TWO, origin="prediction-changed")])
    studio.annotate(first, [brush(3, "Object 2", ONE)], was_cancelled=True)
    studio.predict(second, [brush(0, "Object 1", ONE, score=0.9), brush(3, "Object 1", TWO, score=0.25)])

    assert studio.export(f"project:{project}", "--format", "coco-rle", *NEWEST) == 0, studio.stderr
    manifest = studio.read("manifest.json")
    (video,) = manifest["videos"]
    assert (video["key"], video["frame_count"], video["frame_rate"]) == (str(first), PAGES, [25, 1])
    assert video["provenance"]["kind"] == "annotation"
    assert video["provenance"]["other_annotations"] == 1
    found = masks_of(studio.read(f"{video['folder']}.json"))
    wanted = {(0, "Object 1"): ONE, (2, "Object 1"): ONE, (2, "Object 2"): TWO}
    assert found.keys() == wanted.keys()
    assert all((found[key] == wanted[key]).all() for key in wanted)

    assert studio.export(f"project:{project}", "--format", "sav", "--frames", "human", "--no-images", *NEWEST) == 0, (
        studio.stderr
    )
    (video,) = studio.read("manifest.json")["videos"]
    document = studio.read(f"{video['folder']}_manual.json")
    assert [row != [None, None] for row in document["masklet"]] == [True, False, True, False]
    assert (document["masklet_label"], document["masklet_edited_frame_count"]) == (["Object 1", "Object 2"], [1, 1])

    assert studio.export(f"project:{project}", "--format", "coco-rle", "--from", "both", *NEWEST) == 0, studio.stderr
    videos = studio.read("manifest.json")["videos"]
    assert [video["provenance"]["kind"] for video in videos] == ["annotation", "prediction"]
    assert videos[1]["provenance"]["model"] == "masklet-tiny-01234567"
    assert len({video["folder"] for video in videos}) == 2

    # Labels that nobody used have their numbers: they do not shift when somebody does.
    assert studio.export(f"project:{project}/{second}", "--format", "coco", "--from", "predictions", "--no-images") == 0
    categories = [(each["id"], each["name"]) for each in studio.read("annotations.json")["categories"]]
    assert categories == [(1, "Object 1"), (2, "Object 2"), (3, "Object 3")]
    assert "by first use" not in studio.stderr

    certain = ["--from", "predictions", "--frames", "certain:0.3"]
    assert studio.export(f"project:{project}/{second}", "--format", "coco-rle", *certain) == 0, studio.stderr
    (video,) = studio.read("manifest.json")["videos"]
    assert list(masks_of(studio.read(f"{video['folder']}.json"))) == [(0, "Object 1")]


def test_several_annotations_of_a_task_need_a_choice(studio: ExportSetup) -> None:
    project = studio.project("frames.xml")
    task = studio.task(project, pages("clip.mp4"))
    studio.annotate(task, [brush(0, "Object 1", ONE)])
    studio.annotate(task, [brush(0, "Object 1", ONE), brush(1, "Object 1", TWO)])
    first, second = sorted(studio.api.annotations(task), key=lambda each: int(each["id"]))

    def exported(*options: str) -> dict[str, int]:
        """The count of masks by the video's name."""
        assert studio.export(f"project:{project}", "--format", "coco-rle", *options) == 0, studio.stderr
        videos = studio.read("manifest.json")["videos"]
        return {video["name"]: len(masks_of(studio.read(f"{video['folder']}.json"))) for video in videos}

    assert studio.export(f"project:{project}", "--format", "coco-rle") == 2
    assert f"1 task has several annotations (task {task}: 2); choose with --annotator" in studio.stderr
    assert exported("--annotator", "newest") == {"clip": 2}
    assert exported("--annotator", str(first["completed_by"])) == {"clip": 2}
    assert exported("--annotator", "each") == {
        f"clip annotation {first['id']}": 1,
        f"clip annotation {second['id']}": 2,
    }
    assert studio.export(f"project:{project}", "--format", "coco-rle", "--annotator", "999") == 2
    assert "no task with annotations of user 999" in studio.stderr
    assert exported("--annotator", "best") == {"clip": 2}
    assert exported("--annotator", "consensus") == {"clip": 1}  # the second page's mask is of one of the two
    (video,) = studio.read("manifest.json")["videos"]
    assert [each["annotation"] for each in video["provenance"]["annotations"]] == [first["id"], second["id"]]
    assert studio.export(f"project:{project}", "--format", "coco-rle", "--annotator", "last") == 2
    ways = "one, newest, each, best, consensus, trusted-consensus or the number of a Label Studio user"
    assert f"--annotator takes {ways}" in studio.stderr
    consensus = ["--annotator", "consensus", "--verdict", "satisfactory"]
    assert studio.export(f"project:{project}", "--format", "coco-rle", *consensus) == 2
    assert "leave one of --verdict and --annotator consensus out" in studio.stderr


def test_the_same_project_imports_the_export_again(studio: ExportSetup) -> None:
    project = studio.project("frames.xml")
    task = studio.task(project, pages("clip.mp4"))
    studio.annotate(task, [brush(1, "Object 2", TWO), brush(2, "Object 1", ONE)])
    assert studio.export(f"project:{project}", "--format", "labelstudio", "--no-images") == 0, studio.stderr
    (exported,) = studio.read("tasks.json")
    assert exported["data"] == pages("clip.mp4")
    answer = studio.api._call("POST", f"/api/projects/{project}/import?return_task_ids=1", json=[exported])
    (again,) = answer["task_ids"]
    (annotation,) = studio.api._call("GET", f"/api/tasks/{again}/annotations/")
    assert {(r["item_index"], r["value"]["brushlabels"][0]) for r in annotation["result"]} == {
        (1, "Object 2"),
        (2, "Object 1"),
    }
    taken = {region["item_index"]: region["value"]["rle"] for region in annotation["result"]}
    assert taken == {1: encode_rle(TWO), 2: encode_rle(ONE)}


def test_boxes_of_a_video_are_on_label_studios_frames(studio: ExportSetup) -> None:
    project = studio.project("video.xml")
    (studio.files / studio.folder.name).mkdir(parents=True)
    write_clip(studio.files / studio.folder.name / "a b.mp4", ClipSpec(frame_count=12, rate=Fraction(24)))
    studio.api.ensure_local_files(project, studio.files / studio.folder.name)
    task = studio.task(project, {"video": f"/data/local-files/?d={studio.folder.name}/a b.mp4"})
    sequence = [
        {"frame": 3, "enabled": True, "x": 0, "y": 0, "width": 50, "height": 50, "rotation": 0, "time": 0.1},
        {"frame": 7, "enabled": False, "x": 25, "y": 0, "width": 50, "height": 50, "rotation": 0, "time": 0.3},
        {"frame": 11, "enabled": True, "x": 50, "y": 50, "width": 50, "height": 50, "rotation": 0, "time": 0.5},
    ]
    value = {"framesCount": 12, "duration": 0.4, "sequence": sequence, "labels": ["Object 2"]}
    region = {"id": "box1", "from_name": "box", "to_name": "video", "type": "videorectangle", "value": value}
    studio.annotate(task, [region])

    assert studio.export(f"project:{project}", "--format", "boxes-csv") == 0, studio.stderr
    with (studio.folder / "out" / "boxes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == [2, 3, 4, 5, 6, 10, 11]
    assert [float(row["x"]) for row in rows] == [0, 4, 8, 12, 16, 32, 32]
    assert {(row["object"], row["label"], row["height"]) for row in rows} == {("box1", "Object 2", "24.0")}
    assert [row["origin"] for row in rows] == [
        "human", "propagated", "propagated", "propagated", "human", "human", "propagated"
    ]  # fmt: skip

    assert studio.export(f"project:{project}", "--format", "mots") == 2
    assert "has a box and no mask on frame 2" in studio.stderr
    assert studio.export(f"project:{project}", "--format", "overlay") == 0, studio.stderr

    assert studio.export(f"project:{project}", "--format", "labelstudio") == 0, studio.stderr
    (exported,) = studio.read("tasks.json")
    (track,) = exported["annotations"][0]["result"]
    shown = [(keyframe["frame"], keyframe["enabled"]) for keyframe in track["value"]["sequence"]]
    assert shown == [(3, True), (4, True), (5, True), (6, True), (7, False), (11, True), (12, True)]


def test_a_faulty_task_is_named_and_can_be_left_out(studio: ExportSetup) -> None:
    project = studio.project("frames.xml")
    good, bad = studio.task(project, pages("good.mp4")), studio.task(project, pages("bad.mp4"))
    studio.annotate(good, [brush(0, "Object 1", ONE)])
    studio.annotate(bad, [brush(9, "Object 1", ONE)])
    assert studio.export(f"project:{project}", "--format", "coco-rle") == 2
    assert f"task {bad} of project {project}: a region lies on frame 9, and the task has 4 frames" in studio.stderr
    assert not (studio.folder / "out").exists()
    assert studio.export(f"project:{project}", "--format", "coco-rle", "--skip-faulty") == 0, studio.stderr
    assert [entry["key"] for entry in studio.read("manifest.json")["skipped"]] == [str(bad)]


def test_a_project_without_annotations_is_an_error(studio: ExportSetup) -> None:
    project = studio.project("frames.xml")
    studio.predict(studio.task(project, pages("a.mp4")), [brush(0, "Object 1", ONE)])
    assert studio.export(f"project:{project}", "--format", "davis") == 2
    assert f"project {project} has no task with annotations; see --from" in studio.stderr


EVERYTHING = """<View>
  <EllipseLabels name="ellipse" toName="frames"><Label value="Egg"/></EllipseLabels>
  <BrushLabels name="mask" toName="frames"><Label value="Cat"/><Label value="Dog"/></BrushLabels>
  <RectangleLabels name="size" toName="frames"><Label value="Large"/><Label value="Small"/></RectangleLabels>
  <KeyPointLabels name="point" toName="frames"><Label value="Cat"/></KeyPointLabels>
  <Image name="frames" valueList="$frames"/>
</View>"""


def test_everything_that_a_person_draws_is_exported_or_counted(studio: ExportSetup) -> None:
    project = studio.api.ensure_project(f"everything {studio.folder.name}", EVERYTHING)
    ellipse = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 30, "rotation": 0, "ellipselabels": ["Egg"]}
    brushed = brush(1, "Dog", ONE)
    point = {"x": 5, "y": 5, "width": 1, "keypointlabels": ["Cat"]}
    page = {key: value for key, value in brush(0, "Cat", ONE).items() if key not in ("id", "value")}
    result = [
        {**page, "id": "e", "from_name": "ellipse", "type": "ellipselabels", "value": ellipse},
        {**page, "id": "k", "from_name": "point", "type": "keypointlabels", "value": point},
        brushed,
        {**brushed, "from_name": "size", "type": "rectanglelabels",
         "value": {"format": "rle", "rle": encode_rle(ONE), "rectanglelabels": ["Small"]}},
        {**brush(2, "Dog", TWO), "value": {"format": "rle", "rle": encode_rle(TWO)}},
    ]  # fmt: skip
    studio.annotate(studio.task(project, pages("clip.mp4")), result)
    assert studio.export(f"project:{project}", "--format", "coco", "--no-images") == 0, studio.stderr
    document, manifest = studio.read("annotations.json"), studio.read("manifest.json")
    names = {each["id"]: each["name"] for each in document["categories"]}
    assert list(names.values()) == ["Egg", "Cat", "Dog", "Large", "Small", "unlabelled"]
    found = sorted((each["image_id"], names[each["category_id"]]) for each in document["annotations"])
    assert found == [(1, "Egg"), (2, "Dog"), (2, "Small"), (3, "unlabelled")]
    assert manifest["not_exported"] == {"keypoint": 1}
    assert "Drawn and not exported: 1 x keypoint." in " ".join(studio.stderr.split())
