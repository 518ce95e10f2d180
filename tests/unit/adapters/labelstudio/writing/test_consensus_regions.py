"""The consensus as a prediction: masks on pages; in a video boxes that lead to the stored masks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from backend.adapters.labelstudio.reading.stored_masks import stored_objects
from backend.adapters.labelstudio.writing.consensus_regions import consensus_regions
from backend.application.crowd.quality.consensus_runs import store_run
from backend.codecs.coco_rle import encode_mask
from backend.domain.geometry import FrameSize
from backend.domain.masklets import NO_EVIDENCE, Masklet, MaskletFrame, MaskOrigin, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.video import ContentHash, FrameIndex, VideoInfo
from tests.fakes.stores import temporary_masks

TASK = TaskKey(3, 41)
INFO = VideoInfo(ContentHash("ab" * 32), FrameSize(20, 10), 4, Fraction(25))
VIDEO = (
    '<View><Video name="video" value="$video" framerate="25"/><VideoRectangle name="box" toName="video"/>'
    '<Labels name="kind" toName="video"><Label value="Cat"/></Labels></View>'
)
PAGES = (
    '<View><BrushLabels name="mask" toName="frames"><Label value="Cat"/></BrushLabels>'
    '<Image name="frames" valueList="$frames"/></View>'
)


def frame(index: int, uncertainty: float) -> MaskletFrame:
    mask = np.zeros((10, 20), np.bool_)
    mask[1:6, index : index + 4] = True
    mask[3, index + 1] = False  # so that the mask is no box
    return MaskletFrame(FrameIndex(index), encode_mask(mask), NO_EVIDENCE, MaskOrigin.CONSENSUS, uncertainty)


def run() -> MaskRun:
    cat = Masklet(ObjectId("Cat"), "Cat", (frame(0, 0.1), frame(2, 0.4)))
    return MaskRun(INFO, (cat, Masklet(ObjectId("Cat 2"), "Cat", ())))


def test_a_video_has_boxes_and_its_export_the_masks() -> None:
    masks = temporary_masks()
    name = store_run(masks, TASK, run())
    assert store_run(masks, TASK, run()) == name
    (region,) = consensus_regions(run(), label_config=VIDEO, task=TASK, run_name=name)
    assert (region["type"], region["score"]) == ("videorectangle", 0.6)
    found = stored_objects([region], masks, INFO)
    stored = found.objects[ObjectId("Cat")]
    assert stored.is_unchanged
    assert {index: each.mask for index, each in stored.frames.items()} == {0: frame(0, 0.1).mask, 2: frame(2, 0.4).mask}
    assert {each.origin for each in stored.frames.values()} == {MaskOrigin.CONSENSUS}


def test_pages_have_the_masks() -> None:
    regions = consensus_regions(run(), label_config=PAGES, task=TASK, run_name="u-1-a1")
    assert [(each["item_index"], each["type"], each["score"]) for each in regions] == [
        (0, "brushlabels", 0.9),
        (2, "brushlabels", 0.6),
    ]
