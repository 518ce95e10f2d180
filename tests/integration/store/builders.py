"""A run of masks to write and to read."""

from __future__ import annotations

from fractions import Fraction

from backend.adapters.store.masks.store import ObjectMaskStore
from backend.domain.geometry import FrameSize
from backend.domain.masklets import EncodedMask, FrameEvidence, MaskletFrame, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

CAT = ObjectId("cat")
LABELS = {CAT: "Cat"}
VIDEO = VideoInfo(ContentHash("ab" * 32), FrameSize(64, 48), 400, Fraction(25))
EVIDENCE = FrameEvidence((), 3.0, 1.0, 1.0, 0.0, None, None, 0)


def frame(index: int) -> MaskletFrame:
    return MaskletFrame(FrameIndex(index), EncodedMask(48, 64, "Pd1o2"), EVIDENCE, MaskOrigin.PROPAGATED, 0.1)


def write(store: ObjectMaskStore, run: str = "run", frames: int = 100, *, first: int = 0) -> None:
    with store.writer(run, video=VIDEO, labels=LABELS) as writer:
        for index in range(first, first + frames):
            writer.append(CAT, frame(index))
        writer.commit()


def indices(store: ObjectMaskStore, run: str = "run") -> list[int]:
    return [int(each.frame_index) for each in store.read(run).masklets[0].frames]
