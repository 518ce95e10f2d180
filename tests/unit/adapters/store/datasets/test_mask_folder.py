"""The output folder is complete or absent; its files have the documented content."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from backend.adapters.store.datasets.mask_folder import mask_folder
from backend.domain.errors import NotAllowed
from backend.domain.geometry import FrameSize, Point
from backend.domain.masklets import FrameEvidence, MaskletFrame, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.video import ContentHash, FrameIndex, VideoInfo
from tests.fakes.engine import FakeCodec

INFO = VideoInfo(ContentHash("cd" * 32), FrameSize(6, 4), 2, Fraction(25))


def stored(index: int, column: int) -> MaskletFrame:
    mask = np.zeros((4, 6), np.bool_)
    mask[:, column] = True
    evidence = FrameEvidence((0.75,), 3.0, 1.0, 0.5, 1 / 6, Point(0.5, 0.5), None, 1)
    return MaskletFrame(FrameIndex(index), FakeCodec().encode(mask), evidence, MaskOrigin.PROPAGATED, 0.25)


def write(out: Path, *, overwrite: bool = False) -> None:
    with mask_folder(out, FakeCodec(), overwrite=overwrite) as folder:
        folder.put(ObjectId("cat"), stored(0, 1))
        folder.put(ObjectId("a/../cat"), stored(1, 2))
        folder.finish(INFO, {ObjectId("cat"): "Cat"}, {"model": "masklet-x"})


def test_masks_evidence_and_masklets_are_written(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out)
    picture = cv2.imread(str(out / "masks" / "cat" / "000000.png"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert np.flatnonzero(picture.all(axis=0)).tolist() == [1]
    assert set(np.unique(picture)) == {0, 255}
    lines = [json.loads(line) for line in (out / "evidence.jsonl").read_text().splitlines()]
    assert [(line["frame"], line["object"], line["uncertainty"]) for line in lines] == [
        (0, "cat", 0.25),
        (1, "a/../cat", 0.25),
    ]
    assert lines[0]["predicted_ious"] == [0.75]
    document = json.loads((out / "masklets.json").read_text())
    assert document["video"]["frame_count"] == 2
    assert document["model"] == "masklet-x"
    assert [(m["id"], m["label"]) for m in document["masklets"]] == [("cat", "Cat"), ("a/../cat", "a/../cat")]
    assert document["masklets"][0]["frames"][0]["segmentation"]["size"] == [4, 6]


def test_an_object_id_cannot_leave_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out" / "masks").iterdir())
    assert names[1] == "cat"
    assert names[0].startswith("a_.._cat-")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_a_folder_that_is_not_empty_is_unchanged(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(NotAllowed, match="is not empty; name another folder or pass --overwrite"):
        write(out)
    assert (out / "mine.txt").read_text() == "mine"
    write(out, overwrite=True)
    assert not (out / "mine.txt").exists()


def test_a_failed_write_leaves_no_folder(tmp_path: Path) -> None:
    def interrupted() -> None:
        with mask_folder(tmp_path / "out", FakeCodec()) as folder:
            folder.put(ObjectId("cat"), stored(0, 1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []
