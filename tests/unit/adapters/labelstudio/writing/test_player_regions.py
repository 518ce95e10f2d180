"""Regions of the player's masks: keyframes, references, and what replaces what."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from backend.adapters.labelstudio.writing.player_regions import player_regions, takes_boxes
from backend.adapters.labelstudio.written_regions import is_unchanged, reference_of, replaced
from backend.codecs.coco_rle import encode_mask
from backend.domain.geometry import FrameSize
from backend.domain.masklets import NO_EVIDENCE, Masklet, MaskletFrame, MaskOrigin, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import MaskDigests
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

SIZE = FrameSize(20, 10)
DIGESTS = MaskDigests.of({ObjectId("Cat"): "digest 1", ObjectId("Cat 2"): "digest 2"})
TASK = TaskKey(3, 41)
CONFIG = (
    '<View><Video name="video" value="$video" framerate="25"/><VideoRectangle name="box" toName="video"/>'
    '<Labels name="kind" toName="video"><Label value="Cat"/></Labels></View>'
)


def masklet(name: str, *frames: int, label: str = "Cat") -> Masklet:
    def frame(index: int) -> MaskletFrame:
        mask = np.zeros((SIZE.height, SIZE.width), np.bool_)
        mask[2:7, index : index + 4] = True
        return MaskletFrame(FrameIndex(index), encode_mask(mask), NO_EVIDENCE, MaskOrigin.PROPAGATED, 0.1)

    return Masklet(ObjectId(name), label, tuple(map(frame, frames)))


def regions(*masklets: Masklet, frame_count: int = 8, config: str = CONFIG) -> list[Any]:
    run = MaskRun(VideoInfo(ContentHash("ab" * 32), SIZE, frame_count, Fraction(25)), masklets)
    return player_regions(
        run, DIGESTS, label_config=config, task=TASK, run_name="m-1-a1", model_version="masklet-demo-1"
    )


def keyframes(region: dict[str, Any]) -> list[tuple[int, bool]]:
    return [(entry["frame"], entry["enabled"]) for entry in region["value"]["sequence"]]


def test_the_last_keyframe_of_each_range_switches_the_box_off() -> None:
    (region,) = regions(masklet("Cat", 1, 2, 5))
    assert keyframes(region) == [(2, True), (3, False), (6, False)]
    first = region["value"]["sequence"][0]
    assert [first[side] for side in ("x", "y", "width", "height")] == [5.0, 20.0, 20.0, 50.0]


def test_a_box_stays_to_the_end_of_the_video() -> None:
    (region,) = regions(masklet("Cat", 6, 7))
    assert keyframes(region) == [(7, True), (8, True)]


def test_objects_of_one_label_are_regions_of_their_own() -> None:
    first, second = regions(masklet("Cat", 0), masklet("Cat 2", 0))
    assert first["id"] != second["id"]
    assert first["value"]["labels"] == second["value"]["labels"] == ["Cat"]
    references = [reference_of(region) for region in (first, second)]
    assert [(found.object_id, found.run, found.model) for found in references if found] == [
        ("Cat", "m-1-a1", "masklet-demo-1"),
        ("Cat 2", "m-1-a1", "masklet-demo-1"),
    ]


def test_absent_objects_and_unknown_labels() -> None:
    (region,) = regions(masklet("Cat"), masklet("Bird", 0, label="Bird"))
    assert "labels" not in region["value"]
    assert reference_of(region) is not None


def test_a_config_without_videorectangle_takes_no_boxes() -> None:
    assert takes_boxes(CONFIG)
    assert not takes_boxes(CONFIG.replace("VideoRectangle", "VideoVector"))
    assert not takes_boxes("<View/>")


def test_own_regions_are_replaced_and_others_stay() -> None:
    choice = {"id": "c", "type": "choices", "value": {"choices": ["redo"]}}
    earlier, gone = regions(masklet("Cat", 0), masklet("Dog", 0))
    (newer,) = regions(masklet("Cat", 0, 1))
    assert replaced([earlier, choice, gone], [newer]) == [choice, newer]
    assert replaced([newer, choice], [newer]) is None
    assert replaced([choice], []) is None
    assert replaced([earlier, choice], []) == [choice]


def test_a_changed_region_and_a_drawn_one_keep_their_objects() -> None:
    (own,) = regions(masklet("Cat", 0))
    reference = reference_of(own)
    assert reference is not None
    assert is_unchanged(own, reference)
    moved = {**own["value"]["sequence"][0], "x": 60.0}
    changes: list[dict[str, Any]] = [{"labels": ["Dog"]}, {"sequence": [moved]}, {"sequence": []}]
    for change in changes:
        changed = {**own, "value": {**own["value"], **change}}
        assert not is_unchanged(changed, reference)
        assert replaced([changed], [own]) is None
    drawn = {"id": "Cat", "type": "videorectangle", "value": {"sequence": []}}
    assert replaced([drawn], [own]) is None


def test_a_copy_of_the_prediction_is_replaced_unless_it_was_changed() -> None:
    (own,) = regions(masklet("Cat", 0))
    copy = {"id": "Cat", "type": "videorectangle", "origin": "prediction", "value": {"sequence": []}}
    other, changed = {**copy, "id": "Dog"}, {**copy, "origin": "prediction-changed"}
    assert replaced([copy, other], [own]) == [other, own]
    assert replaced([own, copy], [own]) == [own]
    assert replaced([changed], [own]) is None


def test_foreign_meta_is_no_reference() -> None:
    (own,) = regions(masklet("Cat", 0))
    for meta in (None, {"text": ["a note"]}, {"masklet": "x"}, {"masklet": {**own["meta"]["masklet"], "run": 5}}):
        assert reference_of({**own, "meta": meta}) is None
    assert reference_of("text") is None
    noted = {**own, "meta": {**own["meta"], "text": ["a note"]}}
    assert reference_of(noted) == reference_of(own)
