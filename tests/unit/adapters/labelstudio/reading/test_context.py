"""Prompts from clicks, boxes and saved annotations."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.adapters.labelstudio.config.action_labels import Action, ActionKind
from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.mask_forms.brush_rle import encode_rle
from backend.adapters.labelstudio.mask_forms.masks import png_of_mask
from backend.adapters.labelstudio.reading.context import prompts_of_annotation, prompts_of_context
from backend.adapters.labelstudio.reading.known_masks import KnownMasks
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.domain.errors import InvalidInput, MalformedRequest, PromptError
from backend.domain.geometry import BoolMask, Box, FrameSize, Point
from backend.domain.prompts import FramePrompt, PointPrompt, PromptSet
from backend.domain.video import Direction
from tests.unit.adapters.labelstudio.builders import (
    PAGES,
    TASK,
    VIDEO,
    image_config,
    masklet,
    masks,
    rectangle_mask,
    run_of,
)

Json = dict[str, object]
SIZE = FrameSize(200, 100)


def keypoint(x: object = 25.0, y: object = 50.0, *, label: str = "Cat", region: str = "k1", **item: object) -> Json:
    value = {"x": x, "y": y, "width": 0.4, "labels": [label], "keypointlabels": [label]}
    return {
        "id": region,
        "from_name": "kp",
        "to_name": "img",
        "type": "keypointlabels",
        "origin": "manual",
        "original_width": 200,
        "original_height": 100,
        "image_rotation": 0,
        "value": value,
        **item,
    }


def rectangle(**value: object) -> Json:
    box = {"x": 10.0, "y": 20.0, "width": 30.0, "height": 40.0, "rotation": 0, "rectanglelabels": ["Cat"], **value}
    return {**keypoint(), "id": "r1", "from_name": "rect", "type": "rectanglelabels", "value": box}


def brush(mask: BoolMask, *, region: str = "b1", label: str = "Cat", page: int = 0) -> Json:
    return {
        "id": region,
        "from_name": "brush",
        "to_name": "img",
        "type": "brushlabels",
        "item_index": page,
        "original_width": mask.shape[1],
        "original_height": mask.shape[0],
        "value": {"format": "rle", "rle": encode_rle(mask), "brushlabels": [label]},
    }


def track(*keyframes: Json, region: str = "t1", label: str = "Dog") -> Json:
    return {
        "id": region,
        "from_name": "box",
        "to_name": "vid",
        "type": "videorectangle",
        "value": {"framesCount": 50, "duration": 2.0, "sequence": list(keyframes), "labels": [label]},
    }


def keyframe(frame: object, *, enabled: bool = True, **placed: object) -> Json:
    return {"frame": frame, "enabled": enabled, "x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, **placed}


def only(prompts: PromptSet) -> FramePrompt:
    assert len(prompts.prompts) == 1
    return prompts.prompts[0]


# points


def test_a_click_is_a_point_on_its_page() -> None:
    parsed = prompts_of_context({"result": [keypoint(item_index=3, is_positive=True)]}, read_binding(PAGES))
    prompt = only(parsed.prompts)
    assert (prompt.object_id, prompt.frame_index, parsed.frame_index) == ("Cat", 3, 3)
    assert prompt.points == (PointPrompt(Point(0.25, 0.5), positive=True),)
    assert parsed.prompts.labels == {"Cat": "Cat"}
    assert parsed.region_ids == {"Cat": "k1"}
    assert parsed.action is None


@pytest.mark.parametrize(
    ("item", "value", "positive"),
    [
        ({"is_positive": False}, {}, False),
        ({"is_positive": 0}, {}, False),
        ({}, {"positive": False}, False),
        ({"is_positive": True}, {"positive": False}, True),
        ({}, {}, True),
    ],
)
def test_polarity_is_beside_the_value_or_in_it(item: Json, value: Json, positive: bool) -> None:
    region = {**keypoint(), **item}
    region["value"] = {**region["value"], **value}  # type: ignore[dict-item]
    parsed = prompts_of_context({"result": [region]}, read_binding(PAGES))
    assert only(parsed.prompts).points[0].positive is positive


def test_unaccepted_clicks_add_up_and_the_newest_sets_the_page() -> None:
    result = [keypoint(region="a", item_index=1), keypoint(75, region="b", item_index=1), keypoint(5, region="c")]
    parsed = prompts_of_context({"result": result}, read_binding(PAGES))
    assert [(p.frame_index, len(p.points)) for p in parsed.prompts] == [(0, 1), (1, 2)]
    assert parsed.frame_index == 0
    assert parsed.region_ids == {"Cat": "c"}


def test_an_action_label_is_no_prompt() -> None:
    parsed = prompts_of_context({"result": [keypoint(label="▶ 15", item_index=4)]}, read_binding(PAGES))
    assert parsed.action == Action(ActionKind.PROPAGATE, Direction.FORWARD, 15)
    assert not parsed.prompts
    assert parsed.frame_index == 4


def test_the_second_result_of_an_accepted_region_is_dropped() -> None:
    bogus = {**brush(np.ones((100, 200), np.bool_)), "from_name": "kp", "type": "keypointlabels"}
    bogus["value"] = {"format": "rle", "keypointlabels": ["▶ 15"]}
    prompts = prompts_of_annotation([brush(np.ones((100, 200), np.bool_)), bogus], read_binding(PAGES))
    assert only(prompts).mask is not None


def test_results_of_other_controls_are_skipped() -> None:
    other = {"id": "x", "from_name": "quality", "to_name": "img", "type": "choices", "value": {"choices": ["good"]}}
    relation = {"type": "relation", "from_id": "a", "to_id": "b"}
    assert len(prompts_of_annotation([other, relation, keypoint()], read_binding(PAGES)).prompts) == 1


# boxes


def test_a_box_is_relative() -> None:
    prompt = only(prompts_of_annotation([rectangle()], read_binding(PAGES)))
    assert prompt.box == Box(0.1, 0.2, 0.4, 0.6000000000000001)


def test_a_turned_box_is_its_upright_hull_in_pixels() -> None:
    # 60x40 pixels at (100, 20), turned a quarter clockwise about its corner, covers x 60..100 and y 20..80.
    prompt = only(prompts_of_annotation([rectangle(x=50, y=20, rotation=90)], read_binding(PAGES)))
    assert prompt.box is not None
    sides = (prompt.box.x0_rel, prompt.box.y0_rel, prompt.box.x1_rel, prompt.box.y1_rel)
    assert sides == pytest.approx((0.3, 0.2, 0.5, 0.8))


def test_a_box_over_the_edge_is_cut() -> None:
    prompt = only(prompts_of_annotation([rectangle(x=-5, y=80)], read_binding(PAGES)))
    assert prompt.box == Box(0.0, 0.8, 0.25, 1.0)


def test_a_click_in_the_box_joins_it() -> None:
    prompt = only(prompts_of_annotation([rectangle(), keypoint()], read_binding(PAGES)))
    assert prompt.box is not None
    assert len(prompt.points) == 1


# video


def test_keyframes_are_boxes_of_their_region() -> None:
    parsed = prompts_of_context({"result": [track(keyframe(1), keyframe(11, x=40))]}, read_binding(VIDEO))
    assert [(p.object_id, p.frame_index) for p in parsed.prompts] == [("t1", 0), ("t1", 10)]
    assert [p.box.x0_rel for p in parsed.prompts if p.box] == [0.1, 0.4]
    assert parsed.prompts.labels == {"t1": "Dog"}
    assert parsed.frame_index == 10


def test_a_disabled_keyframe_is_no_prompt() -> None:
    prompts = prompts_of_annotation([track(keyframe(1), keyframe(11, enabled=False))], read_binding(VIDEO))
    assert [p.frame_index for p in prompts] == [0]


def test_the_only_keyframe_counts_even_if_disabled() -> None:
    assert only(prompts_of_annotation([track(keyframe(3, enabled=False))], read_binding(VIDEO))).frame_index == 2


def test_keyframes_that_repeat_shown_boxes_are_no_prompts() -> None:
    mask = rectangle_mask(SIZE, 20, 20, 80, 60)
    known = run_of(masklet("t1", dict.fromkeys(range(30), mask), label="Dog"), size=SIZE, frame_count=50)
    shown = build_regions(known, label_config=VIDEO, task=TASK)[0]
    moved = copy.deepcopy(shown)
    moved["value"]["sequence"][7]["x"] = 15.0  # type: ignore[index]
    parsed = prompts_of_context({"result": [moved]}, read_binding(VIDEO), known=KnownMasks(known))
    assert [p.frame_index for p in parsed.prompts] == [7]
    with pytest.raises(PromptError, match="only repeats masks that are known"):
        prompts_of_context({"result": [shown]}, read_binding(VIDEO), known=KnownMasks(known))


def test_a_new_label_alone_is_a_prompt() -> None:
    mask = rectangle_mask(SIZE, 20, 20, 80, 60)
    known = run_of(masklet("t1", dict.fromkeys(range(30), mask), label="Dog"), size=SIZE, frame_count=50)
    shown = build_regions(known, label_config=VIDEO, task=TASK)[0]
    shown["value"]["labels"] = ["Cat"]  # type: ignore[index]
    parsed = prompts_of_context({"result": [shown]}, read_binding(VIDEO), known=KnownMasks(known))
    assert [p.frame_index for p in parsed.prompts] == [0]
    assert parsed.prompts.labels == {"t1": "Cat"}


# masks


@settings(max_examples=40)
@given(masks())
def test_a_brush_is_a_mask_and_an_empty_one_an_absence(mask: BoolMask) -> None:
    prompt = only(prompts_of_annotation([brush(mask, page=2)], read_binding(PAGES)))
    assert prompt.frame_index == 2
    assert prompt.mask is not None
    assert np.array_equal(prompt.mask, mask)


def test_brushes_of_a_label_are_one_mask_and_replace_clicks() -> None:
    left, right = rectangle_mask(SIZE, 0, 0, 20, 20), rectangle_mask(SIZE, 100, 0, 120, 20)
    result = [keypoint(), brush(left, region="l"), brush(right, region="r"), keypoint(80, region="k2")]
    prompt = only(prompts_of_annotation(result, read_binding(PAGES)))
    assert prompt.points == ()
    assert prompt.mask is not None
    assert np.array_equal(prompt.mask, left | right)


def test_a_bitmask_is_a_mask() -> None:
    mask = rectangle_mask(SIZE, 3, 4, 50, 60)
    region = {**brush(mask), "type": "bitmasklabels", "from_name": "out"}
    region["value"] = {"imageDataURL": png_of_mask(mask), "bitmasklabels": ["Cat"]}
    prompt = only(prompts_of_annotation([region], read_binding(image_config("BitmaskLabels"))))
    assert prompt.mask is not None
    assert np.array_equal(prompt.mask, mask)


def test_a_polygon_is_a_mask() -> None:
    region = {**brush(np.ones((100, 200), np.bool_)), "type": "polygonlabels", "from_name": "out"}
    region["value"] = {"points": [[0.25, 0.5], [9.75, 0.5], [9.75, 19.5], [0.25, 19.5]], "polygonlabels": ["Cat"]}
    prompt = only(prompts_of_annotation([region], read_binding(image_config("PolygonLabels"))))
    assert prompt.mask is not None
    assert np.array_equal(prompt.mask, rectangle_mask(SIZE, 0, 0, 20, 20))


@pytest.mark.parametrize("tag", ["BrushLabels", "BitmaskLabels", "PolygonLabels", "RectangleLabels"])
def test_regions_that_repeat_an_answer_are_no_prompts(tag: str) -> None:
    mask = rectangle_mask(SIZE, 20, 20, 80, 60)
    mask[30, 80:85] = True
    known = run_of(masklet("Cat", {0: mask, 1: mask}), size=SIZE, frame_count=2)
    result = build_regions(known, label_config=image_config(tag), task=TASK)
    binding = read_binding(image_config(tag))
    assert len(prompts_of_annotation(result, binding).prompts) == 2
    assert not prompts_of_annotation(result, binding, known=KnownMasks(known))


def test_a_corrected_mask_stays_a_prompt() -> None:
    mask = rectangle_mask(SIZE, 20, 20, 80, 60)
    known = run_of(masklet("Cat", {0: mask, 1: mask}), size=SIZE, frame_count=2)
    corrected = rectangle_mask(SIZE, 20, 20, 79, 60)
    prompts = prompts_of_annotation(
        [brush(mask), brush(corrected, region="b2", page=1)], read_binding(PAGES), known=KnownMasks(known)
    )
    assert only(prompts).frame_index == 1


# errors


NAN, HUGE = float("nan"), 10**400


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (keypoint(x=100.5), r"result\[0\]\.value\.x must lie within the frame \(0 to 100 percent\), got 100.5"),
        (keypoint(y=-1), r"value\.y must lie within the frame"),
        (keypoint(x=1e308), "got 1e\\+308"),
        (keypoint(x=NAN), "must be a finite number"),
        (keypoint(x=HUGE), "must be a finite number"),
        (keypoint(x="25"), "must be a number, not str"),
        (keypoint(x=True), "must be a number, not bool"),
        (keypoint(label="Cow"), "the label 'Cow' is not in the label config; it has 'Cat', 'Dog'"),
        (keypoint(item_index=-1), "item_index must be a whole number from 0"),
        (keypoint(item_index=1.5), "item_index must be a whole number"),
        (keypoint(is_positive="yes"), "must be true or false, not str"),
        ({**keypoint(), "from_name": "nose"}, "no control tag 'nose'; it has 'brush', 'kp', 'rect'"),
        ({**keypoint(), "id": 7}, r"\.id must be a string, not int"),
        ({**keypoint(), "value": 7}, r"\.value must be an object, not int"),
        ("region", r"context\.result\[0\] must be an object, not str"),
        (rectangle(width=0), "has no area"),
        (rectangle(x=2000), "in or near the frame"),
        (rectangle(x=150), "nothing of it lies within the frame"),
        (rectangle(rotation=NAN), "rotation must be a finite number"),
        (rectangle(rectanglelabels=["Cat", "Dog"]), "has 2 labels; give it exactly one"),
        (rectangle(rectanglelabels=[]), "has 0 labels"),
    ],
)
def test_an_invalid_field_is_named(region: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        prompts_of_context({"result": [region]}, read_binding(PAGES))


@pytest.mark.parametrize("frame", [0, -4, 1.5, "1", None, NAN])
def test_frames_are_counted_from_one(frame: object) -> None:
    with pytest.raises(InvalidInput, match=r"sequence\[0\]\.frame must be"):
        prompts_of_context({"result": [track(keyframe(frame))]}, read_binding(VIDEO))


@pytest.mark.parametrize("context", [{}, {"result": None}, {"result": "x"}])
def test_a_context_without_a_list_is_malformed(context: Json) -> None:
    with pytest.raises(MalformedRequest, match=r"context\.result must be a list"):
        prompts_of_context(context, read_binding(PAGES))


def test_a_context_without_prompts_says_what_to_do() -> None:
    with pytest.raises(PromptError, match="click or draw a box with an Auto-Detect tool"):
        prompts_of_context({"result": []}, read_binding(PAGES))


def test_two_regions_of_one_id_are_refused() -> None:
    with pytest.raises(MalformedRequest, match="'k1' is the id of two regions"):
        prompts_of_context({"result": [keypoint(), keypoint(x=26.0)]}, read_binding(PAGES))
    with pytest.raises(MalformedRequest, match="'k1' is the id of two regions"):
        prompts_of_context({"result": [keypoint(), {**keypoint(), "item_index": 1}]}, read_binding(PAGES))


def test_a_box_that_two_controls_label_answers_a_click() -> None:
    box = {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0}
    fields = {"id": "b", "to_name": "img", "item_index": 0, "original_width": 64, "original_height": 48}
    first = {**fields, "from_name": "rect", "type": "rectanglelabels", "value": {**box, "rectanglelabels": ["Dog"]}}
    second = {**fields, "from_name": "kp", "type": "keypointlabels", "value": {**box, "keypointlabels": ["Cat"]}}
    brushed = {**fields, "from_name": "brush", "type": "brushlabels", "value": {**box, "brushlabels": ["Cat"]}}
    for results in ([first, second], [second, first], [first, brushed], [brushed, first]):
        parsed = prompts_of_context({"result": [*results, keypoint(label="Cat")]}, read_binding(PAGES))
        kinds = {str(prompt.object_id): (prompt.box is None, len(prompt.points)) for prompt in parsed.prompts}
        assert kinds == {"Dog": (False, 0), "Cat": (True, 1)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rle": [1, 2, 3]}, "ends in the middle"),
        ({"rle": "xyz"}, "must be a list"),
        ({"rle": [0] * 200_000}, "more than its image can need"),
        ({"format": "png"}, "format must be 'rle'"),
    ],
)
def test_a_broken_brush_is_refused(change: Json, message: str) -> None:
    region = brush(np.ones((10, 20), np.bool_))
    region["value"] = {**region["value"], **change}  # type: ignore[dict-item]
    with pytest.raises(InvalidInput, match=message):
        prompts_of_annotation([region], read_binding(PAGES))


def test_a_brush_that_belongs_to_another_size_is_refused() -> None:
    region = {**brush(np.ones((10, 20), np.bool_)), "original_width": 21}
    with pytest.raises(PromptError, match="holds 800 bytes, but an image of 21x10 pixels has 840"):
        prompts_of_annotation([region], read_binding(PAGES))


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("id", "from_name", "type", "value", "item_index", "original_width", "original_height", "is_positive")
VALUES = ("x", "y", "width", "height", "rotation", "labels", "keypointlabels", "rectanglelabels", "rle", "sequence")


@settings(max_examples=150)
@given(st.sampled_from(("k", "r", "b", "t")), st.sampled_from(FIELDS + VALUES), junk)
def test_junk_in_any_field_is_read_or_refused_but_never_crashes(kind: str, field: str, value: object) -> None:
    region = {"k": keypoint(), "r": rectangle(), "b": brush(np.ones((2, 3), np.bool_)), "t": track(keyframe(1))}[kind]
    if field in FIELDS:
        region[field] = value
    else:
        region["value"] = {**region["value"], field: value}  # type: ignore[dict-item]
    binding = read_binding(VIDEO if kind == "t" else PAGES)
    try:
        prompts = prompts_of_annotation([region], binding)
    except InvalidInput:
        return
    assert len(prompts.prompts) <= 1
