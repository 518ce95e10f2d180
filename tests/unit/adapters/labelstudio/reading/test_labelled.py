"""Annotations as labelled videos: objects by frame, and their approval."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.mask_forms.brush_rle import encode_rle
from backend.adapters.labelstudio.reading.keyframes import VideoKeyframe, box_at
from backend.adapters.labelstudio.reading.labelled import LabelledTask, read_labels, require_fitting
from backend.application.ports.datasets import TaskOrigin
from backend.codecs.coco_rle import decode_checked
from backend.domain.errors import InvalidInput, PromptError
from backend.domain.geometry import BoolMask, Box, FrameSize
from backend.domain.masklets import MaskOrigin
from backend.domain.verdicts import MaskVerdicts
from backend.domain.video import ContentHash, VideoInfo
from tests.unit.adapters.labelstudio.builders import PAGES, VIDEO, rectangle_mask

SIZE = FrameSize(20, 10)
INFO = VideoInfo(ContentHash(""), SIZE, 4, Fraction(25))
LEFT, RIGHT = rectangle_mask(SIZE, 0, 0, 8, 10), rectangle_mask(SIZE, 6, 2, 20, 6)


def brush(page: int, label: str, mask: BoolMask, *, part: int = 0, **extra: object) -> dict[str, Any]:
    return {
        "id": f"{label}{page}{part}",
        "from_name": "brush",
        "to_name": "img",
        "type": "brushlabels",
        "value": {"format": "rle", "rle": encode_rle(mask), "brushlabels": [label]},
        "item_index": page,
        "original_width": mask.shape[1],
        "original_height": mask.shape[0],
        **extra,
    }


def task(*regions: dict[str, Any], approved: bool = True, config: str = PAGES) -> LabelledTask:
    labelled = read_labels(list(regions), read_binding(config), where="annotation")
    return LabelledTask(
        labelled,
        INFO,
        approved=approved,
        verdicts=MaskVerdicts(),
        provenance={},
        task=TaskOrigin({}, config),
        open_pictures=lambda: contextlib.nullcontext(),  # type: ignore[arg-type, return-value]
    )


def test_regions_of_a_label_on_a_page_are_one_mask() -> None:
    (frame, *_) = task(brush(0, "Cat", LEFT), brush(0, "Cat", RIGHT, part=1)).frames()
    (shown,) = frame.present
    assert shown.mask is not None
    assert np.array_equal(decode_checked(shown.mask), LEFT | RIGHT)


def test_objects_are_numbered_as_the_config_lists_their_labels() -> None:
    objects = task(brush(0, "Dog", LEFT), brush(2, "Cat", RIGHT)).objects
    assert [(what.number, what.label) for what in objects] == [(1, "Cat"), (2, "Dog")]


def test_an_annotation_approves_pages_with_a_region_only() -> None:
    frames = list(task(brush(1, "Cat", LEFT), brush(2, "Dog", RIGHT)).frames())
    assert [[shown.approved for shown in frame.objects] for frame in frames] == [
        [False, False],
        [True, True],
        [True, True],
        [False, False],
    ]
    assert [[shown.is_present for shown in frame.objects] for frame in frames][1] == [True, False]


def test_a_prediction_has_only_the_objects_it_shows() -> None:
    frames = list(task(brush(1, "Cat", LEFT, score=0.75), brush(2, "Dog", RIGHT), approved=False).frames())
    assert [(shown.item.label, shown.uncertainty) for shown in frames[1].objects] == [("Cat", 0.25)]
    assert [len(frame.objects) for frame in frames] == [2, 1, 1, 2]
    assert not any(shown.approved for frame in frames for shown in frame.objects)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [("manual", "human"), ("prediction-changed", "human"), ("prediction", "propagated"), (None, "human")],
)
def test_origin_of_a_mask(origin: str | None, expected: str) -> None:
    region = brush(0, "Cat", LEFT)
    if origin is not None:
        region["origin"] = origin
    (frame, *_) = task(region).frames()
    assert frame.present[0].origin is MaskOrigin(expected)


def test_actions_keypoints_and_bogus_results_are_no_objects() -> None:
    click = {
        "id": "k",
        "from_name": "kp",
        "to_name": "img",
        "type": "keypointlabels",
        "value": {"x": 10, "y": 10, "width": 1, "keypointlabels": ["Dog"]},
        "item_index": 0,
        "original_width": 20,
        "original_height": 10,
    }
    bogus = {**click, "id": "b", "value": {"format": "rle", "keypointlabels": ["▶ 15"]}}
    assert [what.label for what in task(click, bogus, brush(0, "Cat", LEFT)).objects] == ["Cat"]


def test_labels_of_other_frames_or_sizes_are_refused() -> None:
    binding = read_binding(PAGES)
    with pytest.raises(InvalidInput, match="a region lies on frame 4, and the task has 4 frames"):
        require_fitting(read_labels([brush(4, "Cat", LEFT)], binding, where="annotation"), INFO)
    with pytest.raises(InvalidInput, match="of 10x20 pixels, and the task's frames of 20x10"):
        require_fitting(read_labels([brush(0, "Cat", LEFT.T.copy())], binding, where="annotation"), INFO)
    with pytest.raises(PromptError, match="of different sizes: 10x20 and 20x10"):
        read_labels([brush(0, "Cat", LEFT), brush(1, "Cat", LEFT.T.copy())], binding, where="annotation")


FIRST, SECOND = Box(0.0, 0.0, 0.5, 0.5), Box(0.4, 0.0, 0.9, 0.5)


@pytest.mark.parametrize(
    ("keyframes", "index", "box", "is_keyframe"),
    [
        ([VideoKeyframe(2, FIRST, True)], 1, None, False),
        ([VideoKeyframe(2, FIRST, True)], 2, FIRST, True),
        ([VideoKeyframe(2, FIRST, True)], 9, FIRST, False),
        ([VideoKeyframe(2, FIRST, False)], 2, FIRST, True),
        ([VideoKeyframe(2, FIRST, False)], 3, None, False),
        ([VideoKeyframe(2, FIRST, True), VideoKeyframe(6, SECOND, True)], 3, Box(0.1, 0.0, 0.6, 0.5), False),
        ([VideoKeyframe(2, FIRST, True), VideoKeyframe(6, None, True)], 4, FIRST, False),
        ([VideoKeyframe(2, FIRST, False), VideoKeyframe(6, SECOND, True)], 4, None, False),
        ([], 0, None, False),
    ],
)
def test_a_box_is_where_label_studio_shows_it(
    keyframes: list[VideoKeyframe], index: int, box: Box | None, is_keyframe: bool
) -> None:
    found, there = box_at(keyframes, index)
    assert there is is_keyframe
    assert (found is None) is (box is None)
    if found is not None and box is not None:
        assert [found.x0_rel, found.x1_rel] == pytest.approx([box.x0_rel, box.x1_rel])


def test_boxes_of_a_video_are_objects_by_their_region() -> None:
    keyframe = {"x": 0, "y": 0, "width": 50, "height": 50, "rotation": 0}
    value = {"framesCount": 4, "sequence": [{**keyframe, "frame": 2, "enabled": True}], "labels": ["Dog"]}
    region = {"id": "r1", "from_name": "box", "to_name": "vid", "type": "videorectangle", "value": value}
    video = task(region, config=VIDEO)
    assert [(what.object_id, what.label) for what in video.objects] == [("r1", "Dog")]
    assert [len(frame.present) for frame in video.frames()] == [0, 1, 1, 1]
