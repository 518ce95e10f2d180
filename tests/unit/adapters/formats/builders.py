"""A small labelled video with a gap, an overlap, a hole, two parts and an object at the corner; and its export."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from backend.adapters.media.cache import file_hash
from backend.adapters.store.datasets.mask_folder import mask_folder
from backend.bootstrap.export import ExportOrder, run_export
from backend.codecs.coco_rle import CocoCodec, encode_mask
from backend.domain.geometry import BoolMask, FrameSize
from backend.domain.masklets import FrameEvidence, MaskletFrame, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.video import ContentHash, FrameIndex, VideoInfo
from tests.fakes.clips import ClipSpec, write_clip

SIZE = FrameSize(64, 48)
FRAMES = 8
CAT, DOG = ObjectId("cat"), ObjectId("dog № 2")
LABELS = {CAT: "Cat", DOG: 'Dog, "big"'}
MODEL = "masklet-tiny-0123abcd"

Truth = Mapping[tuple[ObjectId, int], BoolMask]
"""(object, frame) -> mask; a mask without pixels: the object is absent."""


def rectangle(x0: int, y0: int, x1: int, y1: int) -> BoolMask:
    """Columns x0..x1-1, rows y0..y1-1."""
    mask = np.zeros((SIZE.height, SIZE.width), np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


def truth() -> dict[tuple[ObjectId, int], BoolMask]:
    """The cat is present on all frames but 5, with a hole on 2 and in two parts on 3.

    The dog is labelled from frame 2, in front of the cat on 4, at the lower right corner on 6.
    """
    cat = {index: rectangle(4 + 3 * index, 6, 24 + 3 * index, 30) for index in range(FRAMES)}
    cat[2] &= ~rectangle(14, 12, 18, 16)
    cat[3] |= rectangle(50, 40, 56, 46)
    cat[5] = rectangle(0, 0, 0, 0)
    dog = {index: rectangle(44, 30, 52, 40) for index in range(2, FRAMES)}
    dog[4] = rectangle(20, 10, 30, 20)
    dog[6] = rectangle(60, 44, 64, 48)
    return {**{(CAT, index): mask for index, mask in cat.items()}, **{(DOG, i): mask for i, mask in dog.items()}}


UNCERTAINTIES = {0: 0.0, 1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4, 5: 0.5, 6: 0.6, 7: 0.7}
HUMAN_FRAMES = (0, 4)
PROMPTED_FRAME = 2


def origin_on(index: int) -> MaskOrigin:
    if index in HUMAN_FRAMES:
        return MaskOrigin.HUMAN
    return MaskOrigin.PROMPTED if index == PROMPTED_FRAME else MaskOrigin.PROPAGATED


ORIGINS = {index: origin_on(index) for index in range(FRAMES)}


def stored(index: int, mask: BoolMask, origin: MaskOrigin | None = None) -> MaskletFrame:
    evidence = FrameEvidence((0.9,), 4.0, 0.9, 0.9, float(mask.mean()), None, None, 1)
    return MaskletFrame(
        FrameIndex(index), encode_mask(mask), evidence, origin or origin_on(index), UNCERTAINTIES[index]
    )


def clip(path: Path, *, width: int = SIZE.width, height: int = SIZE.height, frames: int = FRAMES) -> Path:
    return write_clip(path, ClipSpec(frame_count=frames, rate=Fraction(30000, 1001), width=width, height=height))


def propagated(
    out: Path,
    *,
    name: str = "clip.mp4",
    content_hash: str = "",
    masks: Truth | None = None,
    size: FrameSize = SIZE,
    origins: Mapping[int, MaskOrigin] = ORIGINS,
) -> Path:
    """A folder of `masklet propagate`: forward from frame 2, then backward."""
    info = VideoInfo(ContentHash(content_hash or "0" * 64), size, FRAMES, Fraction(30000, 1001))
    masks = truth() if masks is None else masks
    order = [*range(2, FRAMES), 1, 0]
    with mask_folder(out, CocoCodec()) as folder:
        for index in order:
            for object_id in LABELS:
                if (object_id, index) in masks:
                    folder.put(object_id, stored(index, masks[object_id, index], origins[index]))
        folder.finish(info, LABELS, {"video": name, "model": MODEL, "prompts": {"digest": "d" * 64}})
    return out


def export(
    folder: Path,
    format_name: str,
    *,
    frames: str = "all",
    with_video: bool = False,
    masks: Truth | None = None,
    origins: Mapping[int, MaskOrigin] = ORIGINS,
    **options: object,
) -> Path:
    """Export the truth to folder/"out"; with_video: the video is available."""
    video = clip(folder / "clip.mp4")
    source = propagated(folder / "source", content_hash=file_hash(video), masks=masks, origins=origins)
    order = ExportOrder(
        [str(source)],
        format_name,
        folder / "out",
        frames=frames,
        videos=[video] if with_video else [],
        **options,  # type: ignore[arg-type]
    )
    run_export(order)
    return folder / "out"


def visible(masks: Truth, index: int) -> dict[ObjectId, BoolMask]:
    """The visible part of each object, the smaller one on top."""
    there = {object_id: masks[object_id, index] for object_id in LABELS if (object_id, index) in masks}
    numbers = np.zeros((SIZE.height, SIZE.width), np.int64)
    ids = sorted(there, key=lambda object_id: (-int(there[object_id].sum()), -list(LABELS).index(object_id)))
    for object_id in ids:
        numbers[there[object_id]] = list(LABELS).index(object_id) + 1
    return {object_id: numbers == list(LABELS).index(object_id) + 1 for object_id in there}
