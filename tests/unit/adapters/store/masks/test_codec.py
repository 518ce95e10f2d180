"""Stored masks that earlier versions wrote."""

from __future__ import annotations

import json

from backend.adapters.store.masks.codec import dump_frame, load_frame
from backend.domain.masklets import EncodedMask, FrameEvidence, MaskletFrame, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.video import FrameIndex

ADDED = ("boundary_entropy", "candidate_disagreement", "embedding")


def test_a_row_without_an_embedding_is_read_with_an_empty_one() -> None:
    evidence = FrameEvidence((0.9,), 3.0, 1.0, 0.5, 0.1, None, None, 1, 0.25, 0.75, (0.6, -0.8))
    frame = MaskletFrame(FrameIndex(7), EncodedMask(48, 64, "Pd1o2"), evidence, MaskOrigin.PROPAGATED, 0.1)
    record = json.loads(dump_frame(ObjectId("cat"), frame))
    for name in ADDED:
        del record["evidence"][name]
    object_id, old = load_frame(json.dumps(record).encode())
    assert (object_id, old.frame_index) == ("cat", 7)
    assert old.evidence == FrameEvidence((0.9,), 3.0, 1.0, 0.5, 0.1, None, None, 1)
    assert old.evidence.embedding == ()


def test_the_mark_of_a_frame_that_does_not_decode_is_kept() -> None:
    evidence = FrameEvidence((0.9,), 3.0, 1.0, 0.5, 0.1, None, None, 1)
    mask = EncodedMask(48, 64, "Pd1o2")
    for undecodable in (False, True):
        frame = MaskletFrame(FrameIndex(7), mask, evidence, MaskOrigin.PROPAGATED, 1.0, undecodable)
        row = dump_frame(ObjectId("cat"), frame)
        assert ("undecodable" in row) is undecodable
        assert load_frame(row.encode())[1] == frame
