"""Every format, read back by the rules of its tool: masks, frame numbers and ids are kept.

The readers here restate the tools' rules; pycocotools is the tool itself.
"""

from __future__ import annotations

import configparser
import csv
import json
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import yaml
from PIL import Image
from pycocotools import mask as coco
from pycocotools.coco import COCO

from backend.domain.errors import InvalidInput
from backend.domain.geometry import BoolMask
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId
from tests.fakes.clips import number_of
from tests.unit.adapters.formats.builders import CAT, DOG, FRAMES, LABELS, SIZE, export, truth, visible

TRUTH = truth()
NUMBERS = {object_id: number for number, object_id in enumerate(LABELS, 1)}


def read_png(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Image.open(path) as image:
        return np.asarray(image)


def read_json(path: Path) -> Any:  # noqa: ANN401
    return json.loads(path.read_text())


def present(index: int) -> list[ObjectId]:
    return [object_id for object_id in LABELS if (object_id, index) in TRUTH and TRUTH[object_id, index].any()]


def same(first: BoolMask, second: BoolMask) -> bool:
    return first.shape == second.shape and bool((first == second).all())


class TestDavis:
    """A frame's PNG is indexed; its pixels are the objects' numbers; names sort as the frames do."""

    def test_masks_are_read_back_with_the_smaller_object_on_top(self, tmp_path: Path) -> None:
        out = export(tmp_path, "davis", with_video=True)
        for index in range(FRAMES):
            path = out / "Annotations" / "clip" / f"{index:05d}.png"
            with Image.open(path) as image:
                assert (image.mode, image.size) == ("P", (SIZE.width, SIZE.height))
            numbers = read_png(path)
            assert set(np.unique(numbers)) <= {0, 1, 2}
            for object_id, mask in visible(TRUTH, index).items():
                assert same(numbers == NUMBERS[object_id], mask)

    def test_images_are_the_frames_of_the_same_names(self, tmp_path: Path) -> None:
        out = export(tmp_path, "davis", with_video=True)
        names = sorted(path.stem for path in (out / "JPEGImages" / "clip").iterdir())
        assert names == sorted(path.stem for path in (out / "Annotations" / "clip").iterdir())
        assert [number_of(read_png(out / "JPEGImages" / "clip" / f"{name}.jpg")) for name in names] == list(range(8))

    def test_youtube_vos_meta_lists_the_frames_of_each_object(self, tmp_path: Path) -> None:
        out = export(tmp_path, "davis")
        objects = read_json(out / "meta.json")["videos"]["clip"]["objects"]
        assert objects["1"] == {"category": "Cat", "frames": [f"{i:05d}" for i in range(FRAMES) if i != 5]}
        assert objects["2"]["frames"] == [f"{i:05d}" for i in range(2, FRAMES)]
        assert (out / "ImageSets" / "all.txt").read_text() == "clip\n"

    def test_the_manifest_counts_what_overlapped(self, tmp_path: Path) -> None:
        manifest = read_json(export(tmp_path, "davis") / "manifest.json")
        assert manifest["notes"]["overlapping"] == {
            "frames": sum(int(_shared(index) > 0) for index in range(FRAMES)),
            "pixels": sum(_shared(index) for index in range(FRAMES)),
        }
        assert "smaller object lies on top" in manifest["format"]["overlaps"]


def _shared(index: int) -> int:
    if (DOG, index) not in TRUTH:
        return 0
    return int((TRUTH[CAT, index] & TRUTH[DOG, index]).sum())


class TestSav:
    def test_each_object_has_pngs_of_its_own_that_may_overlap(self, tmp_path: Path) -> None:
        out = export(tmp_path, "sav")
        for (object_id, index), mask in TRUTH.items():
            pixels = read_png(out / "Annotations" / "clip" / f"{NUMBERS[object_id] - 1:03d}" / f"{index:05d}.png")
            assert set(np.unique(pixels)) <= {0, 255}
            assert same(pixels > 0, mask)

    def test_the_json_is_read_as_sam_2_reads_it(self, tmp_path: Path) -> None:
        document = read_json(export(tmp_path, "sav") / "clip_manual.json")
        assert len(document["masklet"]) == document["video_frame_count"] == FRAMES
        for index, row in enumerate(document["masklet"]):
            for position, object_id in enumerate(document["masklet_object"]):
                if (ObjectId(object_id), index) not in TRUTH:
                    assert row[position] is None
                    continue
                decoded = coco.decode([row[position]])[:, :, 0]
                assert same(decoded > 0, TRUTH[ObjectId(object_id), index])

    def test_masklets_are_described_as_sa_v_describes_them(self, tmp_path: Path) -> None:
        document = read_json(export(tmp_path, "sav") / "clip_manual.json")
        cat_areas = [int(TRUTH[CAT, i].sum()) for i in range(FRAMES) if i != 5]
        assert document["masklet_id"] == [0, 1]
        assert document["masklet_num"] == 2
        assert document["masklet_type"] == ["manual", "manual"]
        assert document["masklet_edited_frame_count"] == [3, 2]
        assert document["masklet_frame_count"] == [8, 6]
        assert document["masklet_first_appeared_frame"] == [0, 2]
        assert document["masklet_visibility_changes"] == [2, 0]
        assert document["masklet_size_abs"][0] == pytest.approx(sum(cat_areas) / 7)
        assert document["masklet_size_rel"][0] == pytest.approx(sum(cat_areas) / 7 / SIZE.pixels)
        assert document["masklet_size_bucket"] == ["small", "small"]
        assert document["video_resolution"] == SIZE.pixels

    def test_frames_that_are_not_kept_are_null(self, tmp_path: Path) -> None:
        document = read_json(export(tmp_path, "sav", frames="human") / "clip_manual.json")
        assert [index for index, row in enumerate(document["masklet"]) if row != [None, None]] == [0, 4]

    def test_masklets_without_a_human_frame_are_automatic(self, tmp_path: Path) -> None:
        masks = {key: mask for key, mask in TRUTH.items() if key[0] == CAT or key[1] not in (0, 2, 4)}
        out = export(tmp_path, "sav", masks=masks)
        assert read_json(out / "clip_auto.json")["masklet_object"] == [str(DOG)]
        assert read_json(out / "clip_auto.json")["masklet_edited_frame_count"] == [0]
        assert read_json(out / "clip_manual.json")["masklet_object"] == [str(CAT)]

    def test_masks_of_automatic_prompts_are_not_a_person_s(self, tmp_path: Path) -> None:
        automatic = dict.fromkeys(range(FRAMES), MaskOrigin.AUTOMATIC)
        out = export(tmp_path, "sav", origins=automatic)
        assert not (out / "clip_manual.json").exists()
        assert read_json(out / "clip_auto.json")["masklet_edited_frame_count"] == [0, 0]
        (tmp_path / "human").mkdir()
        with pytest.raises(InvalidInput, match="approved by a person"):
            export(tmp_path / "human", "sav", frames="human", origins=automatic)


class TestYoutubeVis:
    def test_every_masklet_is_there_for_every_frame(self, tmp_path: Path) -> None:
        document = read_json(export(tmp_path, "youtubevis", with_video=True) / "instances.json")
        (video,) = document["videos"]
        assert video["file_names"] == [f"clip/{index:05d}.jpg" for index in range(FRAMES)]
        assert (video["length"], video["width"], video["height"]) == (FRAMES, SIZE.width, SIZE.height)
        for annotation in document["annotations"]:
            for index in range(FRAMES):
                rle = annotation["segmentations"][index]
                key = (ObjectId(annotation["object"]), index)
                if key not in TRUTH or not TRUTH[key].any():
                    assert (rle, annotation["bboxes"][index], annotation["areas"][index]) == (None, None, None)
                    continue
                assert same(coco.decode(rle) > 0, TRUTH[key])
                assert annotation["areas"][index] == TRUTH[key].sum()
                assert annotation["bboxes"][index] == coco.toBbox(rle).tolist()
        names = {category["id"]: category["name"] for category in document["categories"]}
        assert [names[annotation["category_id"]] for annotation in document["annotations"]] == list(LABELS.values())

    def test_kept_frames_are_named(self, tmp_path: Path) -> None:
        (video,) = read_json(export(tmp_path, "youtubevis", frames="certain:0.3") / "instances.json")["videos"]
        assert video["frame_indices"] == [0, 1, 2, 3, 4]
        assert video["file_names"][-1] == "clip/00004.jpg"


class TestCoco:
    def test_pycocotools_reads_masks_boxes_and_tracks(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        data = COCO(str(export(tmp_path, "coco", with_video=True) / "annotations.json"))
        capsys.readouterr()
        assert len(data.imgs) == FRAMES
        for image in data.loadImgs(data.getImgIds()):
            index = image["frame_index"]
            assert image["file_name"] == f"clip/{index:06d}.jpg"
            annotations = data.loadAnns(data.getAnnIds(image["id"]))
            assert [ObjectId(annotation["object"]) for annotation in annotations] == present(index)
            for annotation in annotations:
                object_id = ObjectId(annotation["object"])
                assert same(data.annToMask(annotation) > 0, TRUTH[object_id, index])
                assert annotation["track_id"] == NUMBERS[object_id]
                assert annotation["area"] == TRUTH[object_id, index].sum()
                assert data.cats[annotation["category_id"]]["name"] == LABELS[object_id]
            assert number_of(read_png(tmp_path / "out" / "images" / image["file_name"])) == index


class TestMot:
    def test_lines_are_read_as_trackeval_reads_them(self, tmp_path: Path) -> None:
        out = export(tmp_path, "mot", with_video=True)
        rows: dict[int, dict[int, list[float]]] = {}
        for row in csv.reader((out / "clip" / "gt" / "gt.txt").read_text().splitlines()):
            rows.setdefault(int(row[0]), {})[int(row[1])] = [float(value) for value in row[2:]]
        labels = (out / "clip" / "gt" / "labels.txt").read_text().splitlines()
        for index in range(FRAMES):
            found = rows.get(index + 1, {})
            assert sorted(found) == [NUMBERS[object_id] for object_id in present(index)]
            for object_id in present(index):
                left, top, width, height, valid, label, visibility = found[NUMBERS[object_id]]
                ys, xs = np.nonzero(TRUTH[object_id, index])
                assert [left, top] == [int(xs.min()) + 1, int(ys.min()) + 1]
                assert [width, height] == [int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1]
                assert (valid, visibility) == (1, 1)
                assert labels[int(label) - 1] == LABELS[object_id]

    def test_the_sequence_is_described(self, tmp_path: Path) -> None:
        out = export(tmp_path, "mot", with_video=True)
        ini = configparser.ConfigParser()
        ini.read(out / "clip" / "seqinfo.ini")
        sequence = ini["Sequence"]
        assert (int(sequence["seqLength"]), int(sequence["imWidth"]), int(sequence["imHeight"])) == (8, 64, 48)
        assert float(sequence["frameRate"]) == pytest.approx(29.97)
        pictures = sorted((out / "clip" / sequence["imDir"]).iterdir())
        assert [path.name for path in pictures] == [f"{index + 1:06d}.jpg" for index in range(FRAMES)]
        assert number_of(read_png(pictures[3])) == 3
        assert (out / "seqmap.txt").read_text() == "name\nclip\n"


class TestMots:
    """Six columns between blanks; frames from 0; ids class * 1000 + number; masks of a frame must not overlap."""

    def test_lines_are_read_as_trackeval_reads_them(self, tmp_path: Path) -> None:
        out = export(tmp_path, "mots")
        frames: dict[str, list[list[str]]] = {}
        for line in (out / "clip" / "gt" / "gt.txt").read_text().splitlines():
            fields = line.split(" ")
            assert len(fields) == 6
            frames.setdefault(fields[0], []).append(fields)
        for index in range(FRAMES):
            seen = {object_id: mask for object_id, mask in visible(TRUTH, index).items() if mask.any()}
            rows = frames.get(str(index), [])
            rles = [{"size": [int(f[3]), int(f[4])], "counts": f[5].encode()} for f in rows]
            assert len(rows) == len(seen)
            if len(rles) > 1:
                assert coco.area(coco.merge(rles, intersect=True)) == 0
            for fields, rle in zip(rows, rles, strict=True):
                assert int(fields[1]) // 1000 == int(fields[2]) != 10
                object_id = list(LABELS)[int(fields[1]) % 1000 - 1]
                assert same(coco.decode(rle) > 0, seen[object_id])


class TestYolo:
    """Ultralytics: a label file beside an image by replacing "images" with "labels"; numbers within 0..1; classes
    within the names; five columns for a box, more for a polygon of at least three corners, drawn with whole pixels."""

    def check(self, out: Path) -> dict[str, Any]:
        data: dict[str, Any] = yaml.safe_load((out / "data.yaml").read_text())
        for picture in sorted((out / data["train"]).iterdir()):
            label_file = Path(str(picture).replace("/images/", "/labels/")).with_suffix(".txt")
            for line in label_file.read_text().splitlines():
                values = [float(value) for value in line.split()]
                assert int(values[0]) in data["names"]
                assert all(0.0 <= value <= 1.0 for value in values[1:])
        return data

    def test_polygons_fill_to_the_masks(self, tmp_path: Path) -> None:
        out = export(tmp_path, "yolo-seg", with_video=True)
        data = self.check(out)
        assert data["names"] == dict(enumerate(LABELS.values()))
        for index in range(FRAMES):
            lines = (out / "labels" / "train" / f"clip_{index:06d}.txt").read_text().splitlines()
            assert len(lines) == len(present(index))
            for line, object_id in zip(lines, present(index), strict=True):
                values = np.array(line.split()[1:], np.float64)
                assert len(values) >= 6
                corners = (values.reshape(-1, 2) * (SIZE.width, SIZE.height)).astype(np.int32)
                drawn = cv2.fillPoly(np.zeros((SIZE.height, SIZE.width), np.uint8), [corners], 1)
                surplus = int((drawn > 0).sum()) - int(TRUTH[object_id, index].sum())
                assert not (TRUTH[object_id, index] & (drawn == 0)).any()
                assert surplus == 0 if index != 3 or object_id != CAT else 0 < surplus < 30

    def test_boxes_are_centre_and_size(self, tmp_path: Path) -> None:
        out = export(tmp_path, "yolo", with_video=True)
        self.check(out)
        for index in range(FRAMES):
            lines = (out / "labels" / "train" / f"clip_{index:06d}.txt").read_text().splitlines()
            for line, object_id in zip(lines, present(index), strict=True):
                label, x, y, width, height = (float(value) for value in line.split())
                ys, xs = np.nonzero(TRUTH[object_id, index])
                assert int(label) == NUMBERS[object_id] - 1
                assert (x - width / 2) * SIZE.width == pytest.approx(xs.min(), abs=1e-3)
                assert (y + height / 2) * SIZE.height == pytest.approx(ys.max() + 1, abs=1e-3)

    def test_a_frame_without_objects_keeps_its_empty_file(self, tmp_path: Path) -> None:
        masks = {key: mask for key, mask in TRUTH.items() if key[0] == CAT}
        out = export(tmp_path, "yolo", masks=masks, with_video=True)
        assert (out / "labels" / "train" / "clip_000005.txt").read_bytes() == b""
        assert (out / "images" / "train" / "clip_000005.jpg").exists()

    def test_the_manifest_notes_that_one_video_is_both_parts(self, tmp_path: Path) -> None:
        out = export(tmp_path, "yolo")
        assert yaml.safe_load((out / "data.yaml").read_text())["val"] == "images/train"
        assert "no exported video is in val" in read_json(out / "manifest.json")["notes"]["val"]


def test_boxes_csv(tmp_path: Path) -> None:
    with (export(tmp_path, "boxes-csv") / "boxes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["frame"]), row["object"]) for row in rows] == [
        (index, str(object_id)) for index in range(FRAMES) for object_id in present(index)
    ]
    row = next(row for row in rows if row["frame"] == "6" and row["object"] == DOG)
    assert [row[name] for name in ("x", "y", "width", "height", "area")] == ["60", "44", "4", "4", "16"]
    assert (row["label"], row["origin"], row["approved"], row["uncertainty"]) == (LABELS[DOG], "propagated", "0", "0.6")
    assert float(row["time_s"]) == pytest.approx(6 * 1001 / 30000, abs=1e-6)


def test_coco_rle(tmp_path: Path) -> None:
    document = read_json(export(tmp_path, "coco-rle") / "clip.json")
    ids = {entry["number"]: ObjectId(entry["id"]) for entry in document["objects"]}
    found = {
        (ids[shown["number"]], frame["frame"]): shown["segmentation"]
        for frame in document["frames"]
        for shown in frame["objects"]
    }
    assert found.keys() == TRUTH.keys()
    for key, mask in TRUTH.items():
        if mask.any():
            assert same(coco.decode(found[key]) > 0, mask)
        else:
            assert found[key] is None


def video_frames(path: Path) -> list[tuple[float, np.ndarray[Any, np.dtype[np.uint8]]]]:
    """(time, picture) of every frame."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        return [(float(f.time or 0), f.to_ndarray(format="rgb24").astype(np.uint8)) for f in container.decode(stream)]


class TestVideos:
    def test_the_overlay_shows_every_frame_at_its_time(self, tmp_path: Path) -> None:
        frames = video_frames(export(tmp_path, "overlay", frames="human", with_video=True) / "clip.mp4")
        assert [time for time, _ in frames] == pytest.approx([i * 1001 / 30000 for i in range(FRAMES)], abs=1e-3)
        assert {picture.shape for _, picture in frames} == {(SIZE.height, SIZE.width, 3)}
        original = video_frames(tmp_path / "clip.mp4")
        changed = [
            float(np.abs(picture.astype(int) - bare.astype(int))[34:, :].mean()) > 1.0
            for (_, picture), (_, bare) in zip(frames, original, strict=True)
        ]
        assert not any(changed[index] for index in (1, 2, 3, 5, 6, 7))

    def test_the_green_screen_has_the_objects_own_pixels(self, tmp_path: Path) -> None:
        out = export(tmp_path, "greenscreen", with_video=True, offset=19800)
        original = video_frames(tmp_path / "clip.mp4")
        for index in range(FRAMES):
            picture = read_png(out / f"frame_{19800 + index:06d}_masked.png")
            shown = np.zeros((SIZE.height, SIZE.width), np.bool_)
            for object_id in present(index):
                shown |= TRUTH[object_id, index]
            assert (picture[~shown] == (0, 255, 0)).all()
            assert (picture[shown] == original[index][1][shown]).all()
        assert len(video_frames(out / "clip.mp4")) == FRAMES
        assert (out / "frames.csv").read_text().splitlines()[-1] == "19807,clip,7"

    def test_leaving_frames_out_shifts_no_number(self, tmp_path: Path) -> None:
        out = export(tmp_path, "greenscreen", frames="human", with_video=True, background="1,2,3")
        names = sorted(path.name for path in out.glob("*.png"))
        assert names == ["frame_000000_masked.png", "frame_000004_masked.png"]
        assert read_png(out / names[0])[-1, -1].tolist() == [1, 2, 3]


class TestLabelStudio:
    def test_regions_are_read_back_by_the_reader_of_annotations(self, tmp_path: Path) -> None:
        from backend.adapters.labelstudio.config.label_config import read_binding
        from backend.adapters.labelstudio.reading.context import prompts_of_annotation

        out = export(tmp_path, "labelstudio", with_video=True)
        (task,) = read_json(out / "tasks.json")
        binding = read_binding((out / "label_config.xml").read_text())
        (prediction,) = task["predictions"]
        prompts = prompts_of_annotation(prediction["result"], binding)
        assert (prediction["model_version"], prediction["score"]) == ("masklet-tiny-0123abcd", 0.7)
        labels = {label: object_id for object_id, label in LABELS.items()}
        found = {(labels[p.object_id], int(p.frame_index)): p.mask for p in prompts}
        assert found.keys() == {key for key, mask in TRUTH.items() if mask.any()}
        assert all(mask is not None and same(mask, TRUTH[key]) for key, mask in found.items())
        pages = task["data"]["frames"]
        assert [number_of(read_png(out / page)) for page in pages] == list(range(FRAMES))

    def test_human_frames_are_exported_as_an_annotation(self, tmp_path: Path) -> None:
        (task,) = read_json(export(tmp_path, "labelstudio", frames="human") / "tasks.json")
        assert "predictions" not in task
        assert {region["item_index"] for region in task["annotations"][0]["result"]} == {0, 4}
