"""Exports of annotations with regions that Masklet wrote: stored masks, and boxes where a person changed them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.reading.labelled import LabelledTask, read_labels
from backend.adapters.labelstudio.reading.stored_masks import stored_objects
from backend.adapters.labelstudio.writing.player_regions import player_regions
from backend.adapters.store.masks.store import FileMaskStore
from backend.application.ports.datasets import TaskOrigin
from backend.codecs.coco_rle import encode_mask
from backend.domain.datasets import LabelledMask
from backend.domain.errors import InvalidInput
from backend.domain.geometry import FrameSize
from backend.domain.masklets import NO_EVIDENCE, Masklet, MaskletFrame, MaskOrigin, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.timeline import clock_of
from backend.domain.verdicts import MaskDigests, MaskVerdicts
from backend.domain.video import ContentHash, FrameIndex, VideoInfo
from tests.fakes.stores import temporary_masks

RUN = "m-1-a1"
INFO = VideoInfo(ContentHash("ab" * 32), FrameSize(20, 10), 4, Fraction(25))
CONFIG = (
    '<View><Video name="video" value="$video" framerate="{rate}"/><VideoRectangle name="box" toName="video"/>'
    '<Labels name="kind" toName="video"><Label value="Cat"/></Labels></View>'
)


def frame(index: int, origin: MaskOrigin = MaskOrigin.PROPAGATED) -> MaskletFrame:
    mask = np.zeros((10, 20), np.bool_)
    mask[1:6, index : index + 4] = True
    mask[3, index + 1] = False  # so that the mask is no box
    return MaskletFrame(FrameIndex(index), encode_mask(mask), NO_EVIDENCE, origin, 0.25)


MASKS = MaskRun(
    INFO,
    (
        Masklet(ObjectId("Cat"), "Cat", (frame(0, MaskOrigin.HUMAN), frame(1), frame(3))),
        Masklet(ObjectId("Cat 2"), "Cat", (frame(2),)),
    ),
)
DIGESTS = MaskDigests.of({ObjectId("Cat"): "digest 1", ObjectId("Cat 2"): "digest 2"})


@pytest.fixture
def masks() -> FileMaskStore:
    store = temporary_masks()
    labels = {masklet.object_id: masklet.label for masklet in MASKS.masklets}
    with store.writer(RUN, video=INFO, labels=labels) as writer:
        for masklet in MASKS.masklets:
            for each in masklet.frames:
                writer.append(masklet.object_id, each)
        writer.commit()
    return store


def written(*, rate: int = 25) -> list[Any]:
    config = CONFIG.format(rate=rate)
    return player_regions(MASKS, DIGESTS, label_config=config, task=TaskKey(3, 41), run_name=RUN, model_version="model")


def labelled(result: list[Any], masks: FileMaskStore, *, rate: int = 25) -> dict[tuple[str, int], LabelledMask]:
    """The present objects of the export, by object id and frame."""
    binding = read_binding(CONFIG.format(rate=rate))
    found = stored_objects(result, masks, INFO)
    objects = read_labels(found.result, binding, where="annotation", clock=clock_of(INFO, binding.framerate))
    task = LabelledTask(
        replace(objects, stored=found.objects),
        INFO,
        approved=True,
        verdicts=MaskVerdicts(),
        provenance={},
        task=TaskOrigin({}, ""),
        open_pictures=lambda: contextlib.nullcontext(),  # type: ignore[arg-type, return-value]
    )
    return {(str(o.item.object_id), int(shown.frame_index)): o for shown in task.frames() for o in shown.present}


EXACT = {
    (str(masklet.object_id), int(each.frame_index)): (each.mask, each.origin, each.uncertainty)
    for masklet in MASKS.masklets
    for each in masklet.frames
}


@pytest.mark.parametrize("rate", [25, 10])
def test_written_regions_have_the_exact_masks_also_on_frames_without_a_number(masks: FileMaskStore, rate: int) -> None:
    found = labelled(written(rate=rate), masks, rate=rate)
    assert {key: (each.mask, each.origin, each.uncertainty) for key, each in found.items()} == EXACT


def test_a_moved_box_and_a_switched_off_one_replace_their_masks(masks: FileMaskStore) -> None:
    cat, other = written()
    first, second, last = cat["value"]["sequence"]
    sequence = [{**first, "x": 50.0}, {**second, "enabled": False}, {**last, "enabled": False}]
    found = labelled([{**cat, "value": {**cat["value"], "sequence": sequence}}, other], masks)
    moved = found.pop(("Cat", 0))
    assert moved.mask is None
    assert moved.box is not None
    assert (round(moved.box.x0_rel, 3), moved.origin) == (0.5, MaskOrigin.HUMAN)
    assert {key: each.mask for key, each in found.items()} == {
        key: mask for key, (mask, _, _) in EXACT.items() if key != ("Cat", 0)
    }
    removed = {**cat, "value": {**cat["value"], "sequence": sequence[:2]}}
    assert ("Cat", 3) not in labelled([removed, other], masks)


def test_without_the_stored_run_boxes_are_exported(masks: FileMaskStore) -> None:
    masks.remove(RUN)
    found = labelled(written(), masks)
    assert set(found) == set(EXACT)
    assert {each.mask for each in found.values()} == {None}


def test_a_region_beside_a_drawn_one_of_the_same_name_keeps_its_own_id(masks: FileMaskStore) -> None:
    cat, _ = written()
    drawn = {**cat, "id": "Cat", "meta": {}}
    assert {name for name, _ in labelled([cat, drawn], masks)} == {"Cat", cat["id"]}


def test_masks_of_another_video_are_refused(masks: FileMaskStore) -> None:
    with pytest.raises(InvalidInput, match="another video"):
        stored_objects(written(), masks, replace(INFO, frame_count=5))
