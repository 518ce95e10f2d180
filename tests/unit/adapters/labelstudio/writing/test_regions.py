"""Masklets as Label Studio's regions, each accepted by the SDK's own validation."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_studio_sdk.label_interface import LabelInterface

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.config.task_data import with_task_data
from backend.adapters.labelstudio.mask_forms.brush_rle import decode_rle
from backend.adapters.labelstudio.reading.context import prompts_of_annotation
from backend.adapters.labelstudio.reading.labelled import read_labels
from backend.adapters.labelstudio.writing.progress import ENDING
from backend.adapters.labelstudio.writing.regions import build_regions, region_id, score_of
from backend.adapters.labelstudio.writing.uncertain_ranges import ranges_of
from backend.domain.errors import LabelConfigError, PromptError
from backend.domain.geometry import BoolMask, Box, FrameSize
from backend.domain.masklets import MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.timeline import clock_of
from tests.unit.adapters.labelstudio.builders import (
    MASK_TAGS,
    PAGES,
    TASK,
    VIDEO,
    image_config,
    masklet,
    masks,
    rectangle_mask,
    run_of,
)

SIZE = FrameSize(40, 20)
MASK = rectangle_mask(SIZE, 4, 5, 24, 15)
EMPTY = np.zeros((20, 40), np.bool_)
VECTOR = VIDEO.replace("</View>", '<VideoVector name="outline" toName="vid"/></View>')
VECTOR_LABELS = """
<View><Video name="vid" value="$v" framerate="25"/>
<VideoVectorLabels name="outline" toName="vid"><Label value="Cat"/></VideoVectorLabels></View>
"""
SHIPPED = sorted((Path(__file__).parents[5] / "label_config").glob("*.xml"))


def errors_of(result: list[dict[str, object]], label_config: str) -> list[str]:
    """The SDK's validation errors of a prediction."""
    prediction = {"model_version": "masklet", "score": 0.5, "result": result}
    errors: list[str] = LabelInterface(label_config).validate_prediction(prediction, return_errors=True)
    return errors


def built(run: MaskRun, label_config: str) -> list[dict[str, object]]:
    """The regions, validated by the SDK."""
    result = build_regions(run, label_config=label_config, task=TASK)
    assert errors_of(result, label_config) == []
    return result


def test_a_mask_on_a_page_is_a_brush_region() -> None:
    (region,) = built(run_of(masklet("Cat", {3: MASK}), size=SIZE, frame_count=5), PAGES)
    value = region.pop("value")
    assert region == {
        "id": region_id(TASK, ObjectId("Cat"), 3),
        "from_name": "brush",
        "to_name": "img",
        "type": "brushlabels",
        "item_index": 3,
        "original_width": 40,
        "original_height": 20,
        "image_rotation": 0,
        "score": 0.75,
    }
    assert isinstance(value, dict)
    assert (value["format"], value["brushlabels"]) == ("rle", ["Cat"])
    assert np.array_equal(decode_rle(value["rle"], SIZE), MASK)


def test_objects_of_one_label_stay_apart_on_pages() -> None:
    second = replace(masklet("Cat", {3: MASK}), object_id=ObjectId("Cat #2"))
    result = built(run_of(masklet("Cat", {3: MASK}), second, size=SIZE, frame_count=5), PAGES)
    assert [region.get("meta") for region in result] == [None, {"masklet": {"object": "Cat #2"}}]
    read = read_labels(result, read_binding(PAGES), where="prediction")
    assert [(each.object_id, each.label) for each in read.objects] == [("Cat", "Cat"), ("Cat #2", "Cat")]


def test_pages_without_the_object_have_no_region() -> None:
    run = run_of(masklet("Cat", {0: MASK, 1: EMPTY, 2: MASK}), size=SIZE, frame_count=3)
    assert [region["item_index"] for region in built(run, PAGES)] == [0, 2]


@pytest.mark.parametrize("tag", MASK_TAGS)
@settings(max_examples=15)
@given(mask=masks(largest_side=12))
def test_the_sdk_accepts_every_mask_as_every_kind_of_region(tag: str, mask: BoolMask) -> None:
    size = FrameSize(mask.shape[1], mask.shape[0])
    result = built(run_of(masklet("Cat", {0: mask}), size=size, frame_count=1), image_config(tag))
    assert bool(result) == bool(mask.any())
    assert len({region["id"] for region in result}) == len(result)


@pytest.mark.parametrize("tag", ["BrushLabels", "BitmaskLabels"])
@settings(max_examples=30)
@given(mask=masks())
def test_masks_survive_label_studio(tag: str, mask: BoolMask) -> None:
    size = FrameSize(mask.shape[1], mask.shape[0])
    result = build_regions(
        run_of(masklet("Cat", {0: mask}), size=size, frame_count=1), label_config=image_config(tag), task=TASK
    )
    for prompt in prompts_of_annotation(result, read_binding(image_config(tag))):
        assert prompt.mask is not None
        assert np.array_equal(prompt.mask, mask)


@settings(max_examples=60)
@given(masks(), st.integers(0, 9))
def test_boxes_survive_label_studio(mask: BoolMask, index: int) -> None:
    mask = mask.copy()
    mask[0, 0] = True
    size = FrameSize(mask.shape[1], mask.shape[0])
    result = build_regions(
        run_of(masklet("t1", {index: mask}), size=size, frame_count=10), label_config=VIDEO, task=TASK
    )
    (prompt,) = prompts_of_annotation(result, read_binding(VIDEO))
    assert (prompt.object_id, prompt.frame_index) == ("t1", index)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    assert prompt.box is not None
    assert prompt.box.x1_rel * size.width == pytest.approx(columns[-1] + 1, abs=1e-3)
    assert prompt.box.y1_rel * size.height == pytest.approx(rows[-1] + 1, abs=1e-3)


def test_a_track_is_shown_exactly_where_the_object_is() -> None:
    frames = {1: MASK, 2: MASK, 3: EMPTY, 4: EMPTY, 5: MASK, 7: MASK, 8: MASK, 9: MASK}
    (region,) = built(run_of(masklet("t1", frames), size=SIZE, frame_count=10), VIDEO)
    value = region["value"]
    assert isinstance(value, dict)
    assert [(k["frame"], k["enabled"]) for k in value["sequence"]] == [
        (2, True),
        (3, False),
        (6, False),
        (8, True),
        (9, True),
        (10, True),
    ]
    assert shown_frames(value["sequence"], 10) == [2, 3, 6, 8, 9, 10]


def shown_frames(sequence: list[dict[str, object]], frame_count: int) -> list[int]:
    """1-based frames where Label Studio draws a region: its keyframes, and after an enabled one."""
    shown = []
    for number in range(1, frame_count + 1):
        before = [keyframe for keyframe in sequence if int(str(keyframe["frame"])) <= number]
        if before and (before[-1]["enabled"] or before[-1]["frame"] == number):
            shown.append(number)
    return shown


@settings(max_examples=60)
@given(st.sets(st.integers(0, 11), min_size=1))
def test_a_track_is_never_shown_elsewhere(present: set[int]) -> None:
    frames = {index: MASK if index in present else EMPTY for index in range(12)}
    (region,) = build_regions(run_of(masklet("t1", frames), size=SIZE, frame_count=12), label_config=VIDEO, task=TASK)
    assert shown_frames(region["value"]["sequence"], 12) == sorted(index + 1 for index in present)  # type: ignore[index]


def test_a_keyframe_is_the_masks_box_in_percent() -> None:
    (region,) = built(run_of(masklet("t1", {0: MASK}), size=SIZE, frame_count=50), VIDEO)
    assert region["id"] == "t1"
    assert (region["from_name"], region["to_name"], region["type"]) == ("box", "vid", "videorectangle")
    assert region["value"] == {
        "framesCount": 50,
        "duration": 2.0,
        "sequence": [
            {
                "frame": 1,
                "enabled": False,
                "time": 0.04,
                "x": 10.0,
                "y": 25.0,
                "width": 50.0,
                "height": 50.0,
                "rotation": 0,
            }
        ],
        "labels": ["Cat"],
    }


def test_an_object_on_no_frame_has_no_region() -> None:
    assert built(run_of(masklet("t1", {0: EMPTY}), size=SIZE, frame_count=1), VIDEO) == []


def test_an_object_without_a_label_is_written_without_one() -> None:
    (region,) = built(run_of(masklet("t1", {0: MASK}, label="t1"), size=SIZE, frame_count=1), VIDEO)
    assert "labels" not in region["value"]  # type: ignore[operator]


def test_a_vector_with_a_labels_tag_is_one_merged_region() -> None:
    (region,) = built(run_of(masklet("t1", {0: MASK, 1: MASK}), size=SIZE, frame_count=2), VECTOR)
    assert (region["from_name"], region["type"]) == ("lab", "videovectorlabels")
    value = region["value"]
    assert isinstance(value, dict)
    assert value["videovectorlabels"] == ["Cat"]
    first = value["sequence"][0]
    assert (first["frame"], first["closed"], first["enabled"]) == (1, True, True)
    assert [(v["id"], v["x"], v["y"]) for v in first["vertices"]] == [
        ("v0", 11.25, 27.5),
        ("v1", 11.25, 72.5),
        ("v2", 58.75, 72.5),
        ("v3", 58.75, 27.5),
    ]


def test_a_vector_with_its_own_labels_is_accepted() -> None:
    (region,) = built(run_of(masklet("t1", {0: MASK}), size=SIZE, frame_count=1), VECTOR_LABELS)
    assert (region["from_name"], region["type"]) == ("outline", "videovectorlabels")
    assert region["value"]["labels"] == ["Cat"]  # type: ignore[index]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_sdk_accepts_answers_to_the_shipped_configs(path: Path) -> None:
    run = run_of(masklet("a", {0: MASK, 1: EMPTY}, label="Object 2", uncertainty=0.9), size=SIZE, frame_count=2)
    assert len(built(run, path.read_text(encoding="utf-8"))) == (2 if "video" in path.stem else 1)


def test_a_label_that_no_output_has_is_refused() -> None:
    with pytest.raises(PromptError, match="no tag that takes masks has the label 'Cow'; add it to <brush>"):
        build_regions(
            run_of(masklet("Cow", {0: MASK}, label="Cow"), size=SIZE, frame_count=1), label_config=PAGES, task=TASK
        )


def test_a_label_of_a_lesser_output_only_is_written_there() -> None:
    config = PAGES.replace(
        'name="rect" toName="img" smart="true">', 'name="rect" toName="img" smart="true"><Label value="Cow"/>'
    )
    (region,) = built(run_of(masklet("Cow", {0: MASK}, label="Cow"), size=SIZE, frame_count=1), config)
    assert region["type"] == "rectanglelabels"
    assert region["value"] == {"x": 10.0, "y": 25.0, "width": 50.0, "height": 50.0, "rotation": 0} | {
        "rectanglelabels": ["Cow"]
    }


def test_a_config_that_cannot_work_is_refused() -> None:
    with pytest.raises(LabelConfigError):
        build_regions(run_of(size=SIZE, frame_count=1), label_config="<View/>", task=TASK)


# ids and scores


def test_ids_are_the_same_in_every_process() -> None:
    assert region_id(TaskKey(3, 41), ObjectId("Cat"), 7) == "btl6xeqhnb"


@given(st.integers(0, 10**7), st.text(max_size=20), st.integers(0, 3))
def test_ids_are_ten_plain_characters(frame: int, name: str, part: int) -> None:
    text = region_id(TASK, ObjectId(name), frame, part=part)
    assert len(text) == 10
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz234567")


def test_ids_differ_for_every_mask_of_a_long_task() -> None:
    ids = {region_id(TASK, ObjectId(name), frame) for name in ("a", "b", "c") for frame in range(20_000)}
    assert len(ids) == 60_000


@given(st.lists(st.floats(), max_size=4))
def test_scores_are_always_numbers_from_0_to_1(uncertainties: list[float]) -> None:
    score = score_of(uncertainties)
    assert math.isfinite(score)
    assert 0.0 <= score <= 1.0


@pytest.mark.parametrize(
    ("uncertainties", "score"), [([], 1.0), ([0.25], 0.75), ([0.1, 0.9], 0.1), ([math.nan], 0.0), ([math.inf], 0.0)]
)
def test_the_score_is_that_of_the_most_uncertain_frame(uncertainties: list[float], score: float) -> None:
    assert score_of(uncertainties) == score


def test_uncertain_ranges_are_on_the_timeline() -> None:
    sure = masklet("a", dict.fromkeys(range(60), MASK), uncertainty=0.1)
    unsure = masklet("b", dict.fromkeys([10, 11, 14, 40], MASK), uncertainty=0.7)
    _, _, *ranges = built(run_of(sure, unsure, size=SIZE, frame_count=60), VIDEO)
    assert [(entry["from_name"], entry["type"], entry["readonly"], entry["score"]) for entry in ranges] == [
        ("when", "timelinelabels", True, 0.3),
        ("when", "timelinelabels", True, 0.3),
    ]
    assert [entry["value"] for entry in ranges] == [
        {"ranges": [{"start": 11, "end": 15}], "timelinelabels": ["uncertain"]},
        {"ranges": [{"start": 41, "end": 41}], "timelinelabels": ["uncertain"]},
    ]
    assert not prompts_of_annotation(ranges, read_binding(VIDEO))


def test_ranges_are_where_the_page_shows_their_frames() -> None:
    unsure = masklet("b", dict.fromkeys([5, 17, 18, 59], MASK), uncertainty=0.7)
    _, *regions = built(run_of(unsure, size=SIZE, frame_count=60, rate=30), VIDEO)
    ranges = [value["ranges"] for entry in regions if isinstance(value := entry["value"], dict)]
    # Frames 5 and 59 have no number at 25 per second: the nearest is used; 17 has none either, 18 is shown at 16.
    assert ranges == [[{"start": 6, "end": 6}], [{"start": 16, "end": 16}], [{"start": 50, "end": 50}]]


@pytest.mark.parametrize(
    ("frames", "ranges"),
    [([], []), ([4], [(4, 4)]), ([9, 3, 4], [(3, 9)]), ([0, 5, 11], [(0, 5), (11, 11)])],
)
def test_ranges_bridge_small_gaps(frames: list[int], ranges: list[tuple[int, int]]) -> None:
    assert list(ranges_of(frames)) == ranges


def numbers_of(result: list[dict[str, object]]) -> list[tuple[int, bool]]:
    """Frame number (1-based) and `enabled` of the only region's keyframes."""
    (region,) = result
    value = region["value"]
    assert isinstance(value, dict)
    return [(keyframe["frame"], keyframe["enabled"]) for keyframe in value["sequence"]]


def test_frames_without_a_number_are_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    run = run_of(masklet("t1", dict.fromkeys(range(12), MASK)), size=SIZE, frame_count=30, rate=30)
    with caplog.at_level(logging.WARNING):
        result = build_regions(run, label_config=VIDEO, task=TASK)
    assert numbers_of(result) == [*((number, True) for number in range(1, 10)), (10, False)]
    (record,) = caplog.records
    assert "5 of the video's 30 frames have no number at framerate=25" in record.getMessage()
    assert "Write framerate=30 into its <Video> tag" in record.getMessage()


def test_a_frame_with_several_numbers_keeps_its_box(caplog: pytest.LogCaptureFixture) -> None:
    """The page interpolates between keyframes: without a second one the box would move before the object."""
    run = run_of(masklet("t1", {0: MASK, 1: MASK, 3: MASK}), size=SIZE, frame_count=5, rate=10)
    result = build_regions(run, label_config=VIDEO, task=TASK)
    assert numbers_of(result) == [(1, True), (3, True), (4, True), (5, False), (9, True), (10, False)]
    prompts = prompts_of_annotation(result, read_binding(VIDEO), clock=clock_of(run.video, 25.0))
    assert [prompt.frame_index for prompt in prompts] == [0, 1, 3]
    assert {prompt.box for prompt in prompts} == {Box(0.1, 0.25, 0.6, 0.75)}
    assert not caplog.records


def test_an_object_on_unnumbered_frames_only_has_no_region() -> None:
    run = run_of(masklet("t1", {5: MASK}), size=SIZE, frame_count=30, rate=30)
    assert build_regions(run, label_config=VIDEO, task=TASK) == []


@pytest.mark.parametrize("given", [25, "25", "25.0", 0.04])
def test_the_rate_is_read_from_the_tasks_data(given: object) -> None:
    config = VIDEO.replace('framerate="25"', "frameRate = '$clip.fps'")
    filled = with_task_data(config, {"clip": {"fps": given}})
    assert read_binding(filled).framerate == 25.0
    assert read_binding(with_task_data(config, {})).framerate == 24.0
    assert read_binding(with_task_data(config, {"clip": {"fps": "fast"}})).framerate == 24.0
    assert with_task_data(VIDEO, {"fps": 30}) == VIDEO


def test_boxes_equal_the_masks_boxes() -> None:
    result = build_regions(run_of(masklet("t1", {0: MASK}), size=SIZE, frame_count=1), label_config=VIDEO, task=TASK)
    (prompt,) = prompts_of_annotation(result, read_binding(VIDEO))
    assert prompt.box == Box(0.1, 0.25, 0.6, 0.75)


def test_an_unfinished_track_ends_with_its_last_mask_and_says_so() -> None:
    mask = rectangle_mask(FrameSize(64, 48), 2, 2, 6, 6)
    run = run_of(masklet("t1", dict.fromkeys(range(5), mask), label="Dog"), size=FrameSize(64, 48), frame_count=50)
    for is_complete in (True, False):
        (region,) = build_regions(replace(run, complete=is_complete), label_config=VIDEO, task=TASK)
        value = region["value"]
        assert isinstance(value, dict)
        assert [keyframe["enabled"] for keyframe in value["sequence"]] == [True] * 4 + [False]
        assert region.get("meta") == (None if is_complete else {"text": ["5 of 50 " + ENDING]})
