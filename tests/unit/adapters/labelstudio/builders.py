"""Label configs, regions and masks for several tests."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st
from pycocotools import mask as coco

from backend.domain.geometry import BoolMask, FrameSize
from backend.domain.masklets import EncodedMask, FrameEvidence, Masklet, MaskletFrame, MaskOrigin, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

TASK = TaskKey(3, 41)

PAGES = """
<View>
  <KeyPointLabels name="kp" toName="img" smart="true"><Label value="Cat"/><Label value="Dog"/><Label value="▶ 15"/></KeyPointLabels>
  <RectangleLabels name="rect" toName="img" smart="true"><Label value="Cat"/><Label value="Dog"/></RectangleLabels>
  <BrushLabels name="brush" toName="img"><Label value="Cat"/><Label value="Dog"/></BrushLabels>
  <Image name="img" valueList="$frames"/>
</View>
"""  # noqa: E501

VIDEO = """
<View>
  <Labels name="lab" toName="vid"><Label value="Cat"/><Label value="Dog"/></Labels>
  <TimelineLabels name="when" toName="vid"><Label value="uncertain"/></TimelineLabels>
  <Video name="vid" value="$clip.file" framerate="25"/>
  <VideoRectangle name="box" toName="vid" smart="true"/>
</View>
"""

MASK_TAGS = ("BrushLabels", "BitmaskLabels", "PolygonLabels", "RectangleLabels")


def image_config(tag: str) -> str:
    """Pages with one control tag."""
    return f'<View><{tag} name="out" toName="img"><Label value="Cat"/></{tag}><Image name="img" valueList="$f"/></View>'


def masks(*, largest_side: int = 24) -> st.SearchStrategy[BoolMask]:
    """Masks of all kinds: noise of several densities, empty, full, checkerboards and single pixels."""
    sides = st.integers(1, largest_side)
    kinds = st.sampled_from(("noise", "sparse", "dense", "empty", "full", "board", "pixel"))
    return st.builds(_mask, sides, sides, kinds, st.integers(0, 2**32 - 1))


def _mask(height: int, width: int, kind: str, seed: int) -> BoolMask:
    if kind == "board":
        return checkerboard(height, width)
    if kind == "pixel":
        return pixel((height, width), (seed % height, seed % width))
    density = {"noise": 0.5, "sparse": 0.05, "dense": 0.95, "empty": 0.0, "full": 1.0}[kind]
    noise: BoolMask = np.random.default_rng(seed).random((height, width)) < density
    return noise


def checkerboard(height: int, width: int) -> BoolMask:
    board: BoolMask = np.indices((height, width)).sum(axis=0) % 2 == 0
    return board


def pixel(shape: tuple[int, int], position: tuple[int, int]) -> BoolMask:
    mask = np.zeros(shape, np.bool_)
    mask[position] = True
    return mask


def rectangle_mask(size: FrameSize, x0: int, y0: int, x1: int, y1: int) -> BoolMask:
    """True in columns x0..x1-1 and rows y0..y1-1, pixels."""
    mask = np.zeros((size.height, size.width), np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


def encoded(mask: BoolMask) -> EncodedMask:
    counts = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    return EncodedMask(mask.shape[0], mask.shape[1], counts.decode("ascii"))


def masklet_frame(index: int, mask: BoolMask, *, uncertainty: float = 0.25) -> MaskletFrame:
    evidence = FrameEvidence((0.9,), 4.0, 0.9, 0.9, float(mask.mean()), None, None, 1)
    return MaskletFrame(FrameIndex(index), encoded(mask), evidence, MaskOrigin.PROPAGATED, uncertainty)


def run_of(*masklets: Masklet, size: FrameSize, frame_count: int, rate: int = 25) -> MaskRun:
    info = VideoInfo(ContentHash("0" * 64), size, frame_count, Fraction(rate))
    return MaskRun(info, masklets)


def masklet(name: str, frames: dict[int, BoolMask], *, label: str = "Cat", uncertainty: float = 0.25) -> Masklet:
    stored = tuple(masklet_frame(index, mask, uncertainty=uncertainty) for index, mask in sorted(frames.items()))
    return Masklet(ObjectId(name), label, stored)
