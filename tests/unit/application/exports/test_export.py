"""The export use case: its calls to source and format, and faulty images or videos."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, BinaryIO

import pytest

from backend.application.exports.export import Export
from backend.application.ports.datasets import (
    DatasetEntry,
    DatasetVideo,
    FormatTraits,
    ManifestEntry,
    Picture,
    Pictures,
    PlannedVideo,
    Target,
)
from backend.application.ports.media import VideoSource
from backend.domain.datasets import DatasetFrame, DatasetObject, FrameChoice, LabelledMask
from backend.domain.errors import IntegrityError, InvalidInput, MediaUnreachable
from backend.domain.geometry import Box, FrameSize
from backend.domain.masklets import EncodedMask, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import GivenVerdict, MaskDigests, MaskVerdicts, UserVerdict, Verdict, VerdictChoice
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

CAT = DatasetObject(1, ObjectId("cat"), "Cat")
MASK = EncodedMask(2, 2, "04")


@dataclass
class FakeVideo:
    """Three frames, the middle one approved. boxes: the object has boxes only. undecodable: frames with that mark."""

    boxes: bool = False
    unreachable: bool = False
    info: VideoInfo = field(default_factory=lambda: VideoInfo(ContentHash("a"), FrameSize(2, 2), 3, Fraction(25)))
    objects: tuple[DatasetObject, ...] = (CAT,)
    provenance: ManifestEntry = field(default_factory=dict)
    task: None = None
    verdicts: MaskVerdicts | None = None
    not_exported: Mapping[str, int] = field(default_factory=dict)
    undecodable: tuple[int, ...] = ()

    def frames(self) -> Iterator[DatasetFrame]:
        mask, box = (None, Box(0, 0, 1, 1)) if self.boxes else (MASK, None)
        for index in range(3):
            shown = LabelledMask(CAT, mask, box, MaskOrigin.PROPAGATED, 0.5, index == 1, index in self.undecodable)
            yield DatasetFrame(FrameIndex(index), (shown,))

    def pictures(self) -> AbstractContextManager[VideoSource] | None:
        if self.unreachable:
            raise MediaUnreachable("the server does not answer")
        return None


@dataclass
class FakeSource:
    videos: Mapping[str, FakeVideo | Exception]
    record: ManifestEntry = field(default_factory=dict)

    def entries(self) -> Sequence[DatasetEntry]:
        return [DatasetEntry(name, name) for name in self.videos]

    def labels(self) -> Sequence[str]:
        return ()

    @contextmanager
    def open(self, entry: DatasetEntry) -> Iterator[DatasetVideo]:
        video = self.videos[entry.key]
        if isinstance(video, Exception):
            raise video
        yield video


@dataclass
class FakeFormat:
    traits: FormatTraits = field(default_factory=lambda: FormatTraits("fake", 3, "kept"))
    got: list[tuple[str, int]] = field(default_factory=list)

    def start(self, target: Target, videos: Sequence[PlannedVideo]) -> None:
        self.folder = ""

    @contextmanager
    def video(self, planned: PlannedVideo, video: DatasetVideo) -> Iterator[FakeFormat]:
        self.folder = planned.folder
        yield self

    def put(self, frame: DatasetFrame, picture: Picture | None) -> None:
        self.got.append((self.folder, frame.frame_index))

    def finish(self) -> ManifestEntry:
        return {"said": 1}


@dataclass
class FakeTarget:
    files: dict[str, bytes] = field(default_factory=dict)

    def write(self, path: str, body: bytes) -> None:
        self.files[path] = body

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        raise NotImplementedError

    def spool(self) -> BinaryIO:
        raise NotImplementedError

    def finish(self) -> ManifestEntry:
        return {"count": 0}


def export(
    videos: Mapping[str, FakeVideo | Exception],
    fmt: FakeFormat,
    *,
    frames: str = "all",
    pictures: bool | None = None,
    skip_faulty: bool = False,
    verdicts: str = "all",
) -> dict[str, Any]:
    """Run an export; returns its manifest."""
    target = FakeTarget()
    choices = FrameChoice.parse(frames), VerdictChoice.parse(verdicts)
    Export(FakeSource(videos), fmt, lambda: 0.0, "9.9", *choices, pictures, skip_faulty).run(target)
    manifest: dict[str, Any] = json.loads(target.files["manifest.json"])
    return manifest


def judged(verdict: Verdict) -> FakeVideo:
    """A video whose cat has this verdict."""
    given = GivenVerdict(CAT.object_id, verdict, "why", "digest")
    masks = MaskDigests({CAT.object_id: "digest"})
    return FakeVideo(verdicts=MaskVerdicts.of([UserVerdict(TaskKey(3, 4), "ann", given)], masks, author="ann"))


def test_a_video_without_a_chosen_object_is_left_out_and_named() -> None:
    fmt, new = FakeFormat(), FakeVideo(verdicts=MaskVerdicts())
    videos = {"bad": judged(Verdict.REDO), "good": judged(Verdict.SATISFACTORY), "new": new}
    manifest = export(videos, fmt, verdicts="satisfactory,none")
    assert fmt.got == [(name, index) for name in ("good", "new") for index in range(3)]
    counts = {"objects_offered": 3, "objects_left_out": {"redo": 1}}
    assert manifest["verdicts"] == {"choice": "satisfactory,none", **counts}
    verdict = {"object": "cat", "verdict": "redo", "comment": "why", "user": "ann", "is_outdated": False}
    cat = {"number": 1, "id": "cat", "label": "Cat", "verdict": "redo"}
    assert manifest["left_out"] == [{"name": "bad", "key": "bad", "objects_left_out": [cat], "verdicts": [verdict]}]
    with pytest.raises(InvalidInput, match=r"no object has the verdict reject \(1 redo\); widen --verdict"):
        export({"bad": judged(Verdict.REDO)}, FakeFormat(), verdicts="reject")


def test_objects_of_a_source_without_verdicts_have_none() -> None:
    manifest = export({"clip": FakeVideo()}, FakeFormat())
    assert manifest["videos"][0]["objects"][0]["verdict"] is None
    assert manifest["videos"][0]["verdicts"] == []


def test_frames_are_written_and_counted_per_video() -> None:
    fmt = FakeFormat()
    manifest = export({"a": FakeVideo(), "b": FakeVideo()}, fmt, frames="human")
    assert fmt.got == [("a", 1), ("b", 1)]
    assert manifest["frames"] == {"choice": "human", "offered": 6, "kept": 2}
    assert manifest["format"] == {"name": "fake", "version": 3, "overlaps": "kept"}
    assert (manifest["masklet"], manifest["created"]) == ("9.9", "1970-01-01T00:00:00+00:00")
    assert manifest["notes"] == {"said": 1}


def test_frames_that_do_not_decode_are_listed() -> None:
    manifest = export({"a": FakeVideo(), "b": FakeVideo(undecodable=(0, 1))}, FakeFormat())
    assert [video["undecodable"] for video in manifest["videos"]] == ["", "0-1"]
    manifest = export({"b": FakeVideo(undecodable=(0, 1))}, FakeFormat(), frames="human")
    assert [video["undecodable"] for video in manifest["videos"]] == ["1"]


def test_boxes_go_only_to_formats_that_take_them() -> None:
    with pytest.raises(InvalidInput, match="'Cat' has a box and no mask on frame 0, and fake is made of masks"):
        export({"a": FakeVideo(boxes=True)}, FakeFormat())
    fmt = FakeFormat(FormatTraits("fake", 1, "kept", takes_boxes=True))
    export({"a": FakeVideo(boxes=True)}, fmt)
    assert len(fmt.got) == 3


def test_a_faulty_video_is_an_error_or_is_skipped() -> None:
    videos: dict[str, FakeVideo | Exception] = {"a": FakeVideo(), "b": IntegrityError("b is damaged")}
    with pytest.raises(IntegrityError, match="b is damaged"):
        export(videos, FakeFormat())
    fmt = FakeFormat()
    manifest = export(videos, fmt, skip_faulty=True)
    assert {folder for folder, _ in fmt.got} == {"a"}
    assert manifest["skipped"] == [{"name": "b", "key": "b", "reason": "b is damaged"}]


def test_frames_that_cannot_be_fetched_name_the_remedy() -> None:
    optional = FormatTraits("fake", 1, "kept", Pictures.OPTIONAL)
    with pytest.raises(MediaUnreachable, match="a: the server does not answer; --no-images exports without the frames"):
        export({"a": FakeVideo(unreachable=True)}, FakeFormat(optional))
    fmt = FakeFormat(optional)
    export({"a": FakeVideo(unreachable=True)}, fmt, pictures=False)
    assert len(fmt.got) == 3


@pytest.mark.parametrize(
    ("need", "asked", "works"),
    [
        (Pictures.NEVER, True, True),
        (Pictures.OPTIONAL, None, True),
        (Pictures.OPTIONAL, True, False),
        (Pictures.NEEDED, None, False),
        (Pictures.NEEDED, False, False),
    ],
)
def test_missing_pictures_matter_only_where_needed(need: Pictures, asked: bool | None, works: bool) -> None:
    fmt = FakeFormat(FormatTraits("fake", 1, "kept", need))
    if works:
        export({"a": FakeVideo()}, fmt, pictures=asked)
        assert len(fmt.got) == 3
        return
    with pytest.raises(InvalidInput, match="name the video file, or the folder it is in, with --video"):
        export({"a": FakeVideo()}, fmt, pictures=asked)


def test_what_is_not_exported_is_counted_for_each_video_and_together() -> None:
    drawn = {
        "a": FakeVideo(not_exported={"keypoint": 2}),
        "b": FakeVideo(not_exported={"keypoint": 1, "time range": 1}),
    }
    manifest = export(drawn, FakeFormat())
    assert manifest["not_exported"] == {"keypoint": 3, "time range": 1}
    assert [video["not_exported"] for video in manifest["videos"]] == [
        {"keypoint": 2},
        {"keypoint": 1, "time range": 1},
    ]
