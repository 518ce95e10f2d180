"""Everything that a person drew is an object of the export and a prompt, or is counted."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.mask_forms.brush_rle import encode_rle
from backend.adapters.labelstudio.mask_forms.masks import png_of_mask
from backend.adapters.labelstudio.reading.context import read_annotation
from backend.adapters.labelstudio.reading.drawn_regions import UNLABELLED
from backend.adapters.labelstudio.reading.labelled import LabelledTask, read_labels
from backend.application.ports.datasets import TaskOrigin
from backend.codecs.coco_rle import decode_checked
from backend.domain.datasets import LabelledMask
from backend.domain.geometry import BoolMask, FrameSize
from backend.domain.verdicts import MaskVerdicts
from backend.domain.video import ContentHash, VideoInfo
from tests.unit.adapters.labelstudio.builders import PAGES, VIDEO, rectangle_mask

SIZE = FrameSize(100, 50)
INFO = VideoInfo(ContentHash(""), SIZE, 2, Fraction(25))
MASK = rectangle_mask(SIZE, 10, 5, 30, 25)
BOX = {"x": 10, "y": 10, "width": 20, "height": 40, "rotation": 0}
"""In percent; MASK in pixels."""

Json = dict[str, Any]


def region(kind: str, value: Json, *labels: str, region_id: str = "r", **fields: object) -> Json:
    """A region on the first page as the page saves it; its labels under its own type."""
    return {
        "id": region_id,
        "from_name": "any",
        "to_name": "img",
        "type": kind,
        "value": {**value, kind: list(labels)} if labels else value,
        "item_index": 0,
        "original_width": SIZE.width,
        "original_height": SIZE.height,
        **fields,
    }


def task(*regions: Json, config: str = PAGES) -> LabelledTask:
    labelled = read_labels(list(regions), read_binding(config), where="annotation")
    return LabelledTask(
        labelled,
        INFO,
        approved=True,
        verdicts=MaskVerdicts(),
        provenance={},
        task=TaskOrigin({}, config),
        open_pictures=lambda: contextlib.nullcontext(),  # type: ignore[arg-type, return-value]
    )


def shown(*regions: Json, config: str = PAGES) -> list[LabelledMask]:
    """What is on the first frame."""
    return list(next(iter(task(*regions, config=config).frames())).present)


def pixels(each: LabelledMask) -> BoolMask:
    assert each.mask is not None
    return decode_checked(each.mask)


def of(kind: str) -> Json:
    """The value of a shape with the pixels of MASK."""
    # A polygon's corners are pixel centres.
    corners = [(10.5, 11), (29.5, 11), (29.5, 49), (10.5, 49)]
    values: dict[str, Json] = {
        "brush": {"format": "rle", "rle": encode_rle(MASK)},
        "magicwand": {"format": "rle", "rle": encode_rle(MASK)},
        "bitmask": {"imageDataURL": png_of_mask(MASK)},
        "polygon": {"points": [list(corner) for corner in corners], "closed": True},
        "vector": {"vertices": [{"x": x, "y": y} for x, y in corners], "closed": True},
    }
    return values[kind]


@pytest.mark.parametrize("kind", ["brush", "bitmask", "polygon", "vector", "magicwand"])
@pytest.mark.parametrize("separate", [False, True])
def test_every_shape_is_a_mask(kind: str, separate: bool) -> None:
    """separate: the shape is of one control, the label of a Labels control."""
    value = of(kind)
    result = [region(f"{kind}labels", value, "Dog")]
    if separate or kind == "magicwand":
        labels = region("labels", value, "Dog", from_name="lab")
        result = [region(kind, value), labels]
    (each,) = shown(*result)
    assert each.item.label == "Dog"
    assert np.array_equal(pixels(each), MASK)
    assert task(*result).not_exported == {}


@pytest.mark.parametrize("rotation", [0, 90])
def test_an_ellipse_is_a_mask(rotation: int) -> None:
    radii = {"radiusX": 20, "radiusY": 20} if rotation == 0 else {"radiusX": 10, "radiusY": 40}
    value = {"x": 50, "y": 50, **radii, "rotation": rotation}
    (each,) = shown(region("ellipselabels", value, "Cat"))
    y, x = np.mgrid[: SIZE.height, : SIZE.width] + 0.5
    expected = ((x - 50) / 20) ** 2 + ((y - 25) / 10) ** 2 <= 1
    found = pixels(each)
    assert (found & expected).sum() / (found | expected).sum() > 0.93


def test_a_polygon_around_a_hole_keeps_it() -> None:
    outer = [[10, 10], [50, 10], [50, 90], [10, 90], [10, 10]]
    inner = [[20, 30], [20, 70], [40, 70], [40, 30], [20, 30], [10, 10]]
    (each,) = shown(region("polygonlabels", {"points": outer + inner}, "Cat"))
    found = pixels(each)
    assert found[6, 30]
    assert not found[20:30, 25:35].any()


def test_plain_boxes_have_boxes() -> None:
    (each,) = shown(region("rectangle", BOX), region("labels", BOX, "Cat"))
    assert (each.item.label, each.mask) == ("Cat", None)
    assert each.box is not None


def test_several_labels_are_an_object_each() -> None:
    found = shown(region("brushlabels", of("brush"), "Dog", "Cat"))
    assert [each.item.label for each in found] == ["Cat", "Dog"]
    assert all(np.array_equal(pixels(each), MASK) for each in found)


def test_two_controls_with_one_id_are_one_region_with_both_labels() -> None:
    first = region("brushlabels", of("brush"), "Cat")
    second = region("rectanglelabels", of("brush"), "Large", from_name="size")
    assert [each.item.label for each in shown(first, second)] == ["Cat", "Large"]
    assert [each.item.label for each in shown(second, first)] == ["Cat", "Large"]
    same = region("rectanglelabels", of("brush"), "Cat", from_name="again")
    assert [each.item.label for each in shown(first, same)] == ["Cat"]


def test_an_accepted_mask_does_not_get_the_label_that_is_selected() -> None:
    empty = region("keypointlabels", {"format": "rle"}, "Dog", from_name="kp")
    assert [each.item.label for each in shown(region("brushlabels", of("brush"), "Cat"), empty)] == ["Cat"]


def track(*labels: str, region_id: str = "x9") -> Json:
    keyframes = [{**BOX, "frame": 1, "enabled": True, "time": 0.0}]
    value = {"framesCount": 2, "duration": 1.0, "sequence": keyframes, **({"labels": list(labels)} if labels else {})}
    return {"id": region_id, "from_name": "box", "to_name": "vid", "type": "videorectangle", "value": value}


def test_a_region_without_a_label_is_unlabelled_and_its_id_is_no_class() -> None:
    assert [each.item.label for each in shown(region("brushlabels", of("brush")))] == [UNLABELLED]
    (each,) = shown(track(), config=VIDEO)
    assert (each.item.object_id, each.item.label) == ("x9", UNLABELLED)


def test_a_track_with_two_labels_is_two_objects() -> None:
    found = shown(track("Dog", "Cat"), track("Cat", region_id="y"), config=VIDEO)
    assert [(str(each.item.object_id), each.item.label) for each in found] == [
        ("x9 #2", "Cat"),
        ("y", "Cat"),
        ("x9", "Dog"),
    ]


def test_a_label_that_the_config_lacks_is_exported() -> None:
    assert [each.item.label for each in shown(region("brushlabels", of("brush"), "of the task"))] == ["of the task"]


def test_what_is_left_out_is_counted_by_kind() -> None:
    point = {"x": 10, "y": 10, "width": 1}
    ranges = {"ranges": [{"start": 1, "end": 2}]}
    regions = [
        region("keypointlabels", point, "Cat", region_id="1"),
        region("keypointlabels", point, "▶ 15", region_id="2"),
        region("keypoint", point, region_id="3"),
        region("vectorlabels", {**of("vector"), "closed": False}, "Cat", region_id="4"),
        region("polygonlabels", {"points": [[1, 1], [2, 2]]}, "Cat", region_id="5"),
        region("polygonlabels", {"points": [[-9, -9], [-8, -9], [-8, -8]]}, "Cat", region_id="6"),
        region("timelinelabels", ranges, "Cat", region_id="7"),
        region("brushlabels", of("brush"), "Cat", region_id="8", to_name="other"),
        region("cuboidlabels", {"x": 1}, "Cat", region_id="9"),
        region("choices", {"choices": ["good"]}, region_id="10"),
        {"type": "relation", "from_id": "1", "to_id": "2"},
    ]
    left_out = dict(task(*regions).not_exported)
    assert left_out.pop("outline without a pixel", 1) == 1
    assert left_out == {
        "keypoint": 2,
        "open vector": 1,
        "outline of fewer than three points": 1,
        "time range": 1,
        "region of another tag": 1,
        "cuboidlabels": 1,
    }


def test_a_box_beside_a_mask_of_its_label_is_counted() -> None:
    mask, box = region("brushlabels", of("brush"), "Cat"), region("rectanglelabels", BOX, "Cat", region_id="b")
    for regions in ((mask, box), (box, mask)):
        assert task(*regions).not_exported == {"box beside a mask of its label": 1}
        (each,) = shown(*regions)
        assert np.array_equal(pixels(each), MASK)


def prompted(*regions: Json, config: str = PAGES) -> tuple[list[tuple[str, str, BoolMask | None]], dict[str, int]]:
    """Object, label and mask of each prompt; what is left out."""
    read = read_annotation(list(regions), read_binding(config))
    found = [(str(p.object_id), read.prompts.labels[p.object_id], p.mask) for p in read.prompts]
    return found, dict(read.left_out)


@pytest.mark.parametrize("kind", ["brush", "bitmask", "polygon", "vector", "magicwand"])
def test_every_shape_is_a_prompt(kind: str) -> None:
    value = of(kind)
    ((object_id, label, mask),), left_out = prompted(region(kind, value), region("labels", value, "Dog"))
    assert (object_id, label, left_out) == ("Dog", "Dog", {})
    assert mask is not None
    assert np.array_equal(mask, MASK)


def test_an_ellipse_is_a_prompt() -> None:
    value = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 20, "rotation": 0}
    ((object_id, _, mask),), _ = prompted(region("ellipselabels", value, "Cat"))
    (each,) = shown(region("ellipselabels", value, "Cat"))
    assert object_id == "Cat"
    assert np.array_equal(mask if mask is not None else [], pixels(each))


def test_prompts_have_every_label_of_a_region() -> None:
    mask = region("brushlabels", of("brush"), "Dog", "Cat")
    assert [object_id for object_id, *_ in prompted(mask)[0]] == ["Dog", "Cat"]
    second = region("rectanglelabels", of("brush"), "Cat", from_name="size")
    assert [object_id for object_id, *_ in prompted(region("brushlabels", of("brush"), "Dog"), second)[0]] == [
        *("Dog", "Cat")
    ]
    assert [found[:2] for found in prompted(track("Dog", "Cat"), config=VIDEO)[0]] == [
        ("x9", "Dog"),
        ("x9 #2", "Cat"),
    ]


def test_keypoints_are_prompts_with_their_polarity() -> None:
    point = {"x": 10, "y": 20, "width": 1}
    beside = region("keypointlabels", {**point, "x": 50}, "Cat", region_id="2", is_positive=False)
    separate = region("keypoint", point, region_id="3"), region("labels", point, "Dog", region_id="3")
    read = read_annotation([region("keypointlabels", point, "Cat"), beside, *separate], read_binding(PAGES))
    clicks = {str(p.object_id): [(c.point.x_rel, c.positive) for c in p.points] for p in read.prompts}
    assert clicks == {"Cat": [(0.1, True), (0.5, False)], "Dog": [(0.1, True)]}
    assert read.left_out == {}


def test_what_is_no_prompt_is_counted_by_kind() -> None:
    regions = [
        region("brushlabels", of("brush"), region_id="1"),
        region("brush", of("brush"), region_id="2"),
        region("keypoint", {"x": 1, "y": 1, "width": 1}, region_id="3"),
        region("brushlabels", of("brush"), "Egg", region_id="4"),
        region("vectorlabels", {**of("vector"), "closed": False}, "Cat", region_id="5"),
        region("timelinelabels", {"ranges": [{"start": 1, "end": 2}]}, "Cat", region_id="7"),
        region("rectanglelabels", BOX, "Cat", region_id="8"),
    ]
    found, left_out = prompted(*regions)
    assert [object_id for object_id, *_ in found] == ["Cat"]
    assert left_out == {
        "region without a label": 3,
        "region of the label 'Egg', which no tag for masks has": 1,
        "open vector": 1,
    }


def test_the_id_of_a_track_without_a_label_is_no_class_of_its_prompts() -> None:
    assert [found[:2] for found in prompted(track(), config=VIDEO)[0]] == [("x9", UNLABELLED)]


def test_a_shape_that_only_controls_of_other_kinds_label_is_read_by_its_fields() -> None:
    for regions in (
        [region("rectanglelabels", of("brush"), "Dog")],
        [region("labels", of("brush"), "Dog"), region("choices", {**of("brush"), "choices": ["good"]})],
    ):
        (each,) = shown(*regions)
        assert np.array_equal(pixels(each), MASK)
        assert [object_id for object_id, *_ in prompted(*regions)[0]] == ["Dog"]
    (each,) = shown(region("keypointlabels", BOX, "Dog"))
    assert each.box is not None


def test_two_shapes_of_one_id_are_counted() -> None:
    """The page does not save that; scripts do."""
    pages = [region("brushlabels", of("brush"), "Cat"), region("brushlabels", of("brush"), "Cat", item_index=1)]
    shapes = [region("brushlabels", of("brush"), "Cat"), region("rectanglelabels", BOX, "Cat")]
    for regions in (pages, shapes):
        assert task(*regions).not_exported == {"second shape with a region's id": 1}
        assert prompted(*regions)[1] == {"second shape with a region's id": 1}
