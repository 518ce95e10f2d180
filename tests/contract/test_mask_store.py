"""The MaskStore contract, of files and of an S3-compatible server over a real socket."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from backend.adapters.store.masks.store import FileMaskStore, ObjectMaskStore
from backend.application.ports.masks import MaskStore
from backend.codecs.file_cache import FileCache
from backend.domain.errors import NotFound
from backend.domain.frame_times import FrameTimes
from backend.domain.geometry import Box, FrameSize, Point
from backend.domain.masklets import EncodedMask, FrameEvidence, Masklet, MaskletFrame, MaskOrigin, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.video import ContentHash, FrameIndex, FrameRange, VideoInfo
from tests.fakes.servers.object_store import PATIENCE_S, object_store, point_at

CAT, DOG = ObjectId("cat"), ObjectId("dog")
LABELS = {CAT: "Cat", DOG: "Hund ü\n\u2028"}
VIDEO = VideoInfo(
    ContentHash("ab" * 32),
    FrameSize(64, 48),
    200,
    Fraction(30000, 1001),
    variable_rate=True,
    rotation=90,
    truncated=True,
    times=FrameTimes.of(np.cumsum([7, *range(1, 200)]), Fraction(1, 600), end=20_000),
)
FULL = FrameEvidence(
    predicted_ious=(0.9, 1 / 3),
    presence_logit=-3.25,
    stability=0.5,
    soft_iou=0.25,
    area_rel=0.125,
    centroid=Point(0.1, 0.2),
    box=Box(0.1, 0.2, 0.3, 0.4),
    components=2,
    boundary_entropy=1 / 7,
    candidate_disagreement=2 / 3,
    embedding=(0.6, -0.8, 1 / 3),
)
EMPTY = FrameEvidence((), -1024.0, 1.0, 1.0, 0.0, None, None, 0)


@pytest.fixture(scope="module")
def server_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with object_store(tmp_path_factory.mktemp("store")) as port:
        yield port


@pytest.fixture(params=["files", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MaskStore:
    if request.param == "files":
        return FileMaskStore(tmp_path / "masks")
    shared = point_at(request.getfixturevalue("server_port"), monkeypatch, uuid4().hex)
    return ObjectMaskStore(shared.objects("masks", FileCache(tmp_path / "cache", 2**20)))


def frame(index: int, *, evidence: FrameEvidence = FULL, uncertainty: float = 0.1) -> MaskletFrame:
    return MaskletFrame(
        FrameIndex(index), EncodedMask(48, 64, "Pd1o2"), evidence, MaskOrigin.PROPAGATED, uncertainty=uncertainty
    )


def seen_with(store: MaskStore, run: str, count: int) -> MaskRun:
    """An open run with at least so many masks of the first object: a shared store gets them beside the work."""
    end_s = time.monotonic() + PATIENCE_S
    while (seen := store.partial(run)) is None or len(seen.masklets[0].frames) < count:
        assert time.monotonic() < end_s
        time.sleep(0.01)
    return seen


def test_a_committed_run_is_read_back_whole_in_frame_order(store: MaskStore) -> None:
    with store.writer("p-1-a1", video=VIDEO, labels=LABELS) as writer:
        assert writer.run == "p-1-a1"
        for index in (5, 6, 4, 3):
            writer.append(DOG, frame(index, evidence=EMPTY, uncertainty=1 / 3))
            writer.append(CAT, frame(index))
        writer.commit()
    assert store.read("p-1-a1") == MaskRun(
        VIDEO,
        (
            Masklet(CAT, "Cat", tuple(frame(index) for index in (3, 4, 5, 6))),
            Masklet(DOG, "Hund ü\n\u2028", tuple(frame(i, evidence=EMPTY, uncertainty=1 / 3) for i in (3, 4, 5, 6))),
        ),
        complete=True,
    )
    assert store.partial("p-1-a1") == store.read("p-1-a1")


def test_an_open_run_has_its_flushed_frames_as_partial_only(store: MaskStore) -> None:
    assert store.partial("run") is None
    with store.writer("run", video=VIDEO, labels=LABELS) as writer:
        writer.append(CAT, frame(0))
        assert seen_with(store, "run", 0) == MaskRun(
            VIDEO, (Masklet(CAT, "Cat", ()), Masklet(DOG, LABELS[DOG], ())), complete=False
        )
        writer.flush()
        seen = store.partial("run")
        assert seen is not None
        assert seen.masklets[0].frames == (frame(0),)
        with pytest.raises(NotFound, match="no masks are stored under 'run'"):
            store.read("run")
        writer.commit()


def test_a_full_chunk_is_readable_without_a_flush(store: MaskStore) -> None:
    with store.writer("run", video=VIDEO, labels=LABELS) as writer:
        for index in range(130):
            writer.append(CAT, frame(index))
        assert len(seen_with(store, "run", 128).masklets[0].frames) == 128
        writer.commit()
    assert len(store.read("run").masklets[0].frames) == 130


def test_the_later_record_of_a_frame_counts(store: MaskStore) -> None:
    with store.writer("run", video=VIDEO, labels=LABELS) as writer:
        writer.append(CAT, frame(7, uncertainty=0.9))
        writer.flush()
        writer.append(CAT, frame(7, uncertainty=0.2))
        writer.commit()
    assert store.read("run").masklets[0].frames == (frame(7, uncertainty=0.2),)


def test_leaving_without_commit_removes_the_run(store: MaskStore) -> None:
    def give_up() -> None:
        with store.writer("run", video=VIDEO, labels=LABELS) as writer:
            writer.append(CAT, frame(0))
            writer.flush()
            raise KeyError("the worker gave up")

    with pytest.raises(KeyError):
        give_up()
    assert store.partial("run") is None
    with store.writer("run", video=VIDEO, labels={CAT: "Cat"}) as writer:
        writer.commit()
    assert store.read("run") == MaskRun(VIDEO, (Masklet(CAT, "Cat", ()),))


def test_a_committed_run_is_never_written_again(store: MaskStore) -> None:
    with store.writer("run", video=VIDEO, labels=LABELS) as writer:
        writer.commit()
        with pytest.raises(ValueError, match="is committed; nothing can be added"):
            writer.append(CAT, frame(0))
    with pytest.raises(ValueError, match="a run is written once"), store.writer("run", video=VIDEO, labels=LABELS):
        pass
    assert store.read("run").complete


def test_an_object_without_a_label_is_refused(store: MaskStore) -> None:
    with store.writer("run", video=VIDEO, labels=LABELS) as writer:
        with pytest.raises(ValueError, match="has no object 'cow'"):
            writer.append(ObjectId("cow"), frame(0))
        writer.commit()


def test_a_run_can_be_removed_twice(store: MaskStore) -> None:
    with store.writer("run", video=VIDEO, labels=LABELS) as writer:
        writer.commit()
    store.remove("run")
    store.remove("run")
    with pytest.raises(NotFound):
        store.read("run")
    assert store.partial("run") is None


@pytest.mark.parametrize("run", ["", "..", "a/b", "A", "a b", "a" * 101, "run\n", "../../etc/passwd"])
def test_names_that_are_no_run_are_not_found(store: MaskStore, run: str) -> None:
    for call in (store.read, store.partial, store.remove):
        with pytest.raises(NotFound, match="is not the name of a run"):
            call(run)
    with pytest.raises(NotFound), store.writer(run, video=VIDEO, labels=LABELS):
        pass


def stored(store: MaskStore, run: str, frames: Sequence[int], *, objects: Sequence[ObjectId] = (CAT,)) -> None:
    with store.writer(run, video=VIDEO, labels=LABELS) as writer:
        for index in frames:
            for object_id in objects:
                writer.append(object_id, frame(index))
        writer.commit()


def frames(start: int, stop: int) -> FrameRange:
    return FrameRange(FrameIndex(start), FrameIndex(stop))


class TestFewFrames:
    def test_only_the_requested_frames_are_read(self, store: MaskStore) -> None:
        stored(store, "run", range(200), objects=(CAT, DOG))
        few = store.read("run", frames(62, 66))
        assert [f.frame_index for f in few.masklets[0].frames] == [62, 63, 64, 65]
        assert few.masklets[1].frames == tuple(frame(index) for index in range(62, 66))
        assert few.complete

    def test_only_the_requested_frames_of_an_open_run_are_read(self, store: MaskStore) -> None:
        with store.writer("run", video=VIDEO, labels=LABELS) as writer:
            for index in (5, 6, 4):
                writer.append(CAT, frame(index))
            writer.flush()
            few = store.partial("run", frames(4, 6))
            assert few is not None
            assert [f.frame_index for f in few.masklets[0].frames] == [4, 5]


class TestCoverage:
    def test_coverage_lists_the_frames_of_each_object(self, store: MaskStore) -> None:
        with store.writer("run", video=VIDEO, labels=LABELS) as writer:
            for index in (5, 6, 3, 9):
                writer.append(CAT, frame(index))
            writer.commit()
        assert store.coverage("run") == (
            VIDEO,
            {CAT: (frames(3, 4), frames(5, 7), frames(9, 10)), DOG: ()},
        )

    def test_an_open_run_has_no_coverage(self, store: MaskStore) -> None:
        with store.writer("run", video=VIDEO, labels=LABELS) as writer:
            writer.flush()
            with pytest.raises(NotFound):
                store.coverage("run")


class TestCopiedFrames:
    def test_a_run_is_unreadable_until_its_copied_frames_are_there(self, store: MaskStore) -> None:
        stored(store, "old", range(200))
        with store.writer("new", video=VIDEO, labels=LABELS, shown=False) as writer:
            writer.copy_run("old", lambda object_id, index: index < 150)
            for index in range(150, 150 + 65):
                writer.append(DOG, frame(index))
            assert store.partial("new") is None
            writer.flush()
            seen = store.partial("new")
            assert seen is not None
            assert [len(m.frames) for m in seen.masklets] == [150, 65]
            writer.commit()
        assert store.read("new").masklets == seen.masklets

    def test_copied_frames_outlive_the_run_they_came_from(self, store: MaskStore) -> None:
        stored(store, "old", range(200))
        with store.writer("new", video=VIDEO, labels=LABELS) as writer:
            writer.append(CAT, frame(199, uncertainty=0.9))
            assert writer.copy_run("old", lambda object_id, index: index != 70) == 199
            writer.append(CAT, frame(3, uncertainty=0.9))
            writer.commit()
        store.remove("old")
        kept = {int(f.frame_index): f.uncertainty for f in store.read("new").masklets[0].frames}
        assert sorted(kept) == [index for index in range(200) if index != 70]
        assert (kept[199], kept[3], kept[4]) == (0.1, 0.9, 0.1)

    def test_copied_frames_are_bit_identical(self, store: MaskStore) -> None:
        stored(store, "old", range(100), objects=(CAT, DOG))
        with store.writer("new", video=VIDEO, labels=LABELS) as writer:
            assert writer.copy_run("old", lambda object_id, index: object_id == DOG and index >= 90) == 10
            writer.append(CAT, frame(1, uncertainty=1 / 3))
            writer.commit()
        new = store.read("new")
        assert new.masklets[0].frames == (frame(1, uncertainty=1 / 3),)
        assert new.masklets[1].frames == store.read("old").masklets[1].frames[90:]

    def test_an_unknown_run_cannot_be_copied(self, store: MaskStore) -> None:
        with store.writer("new", video=VIDEO, labels=LABELS) as writer:
            with pytest.raises(NotFound):
                writer.copy_run("old", lambda *_: True)
            writer.commit()


class TestSnapshots:
    def killed(self, store: MaskStore) -> None:
        """A run of a killed writer, with five frames after its snapshot at frame 10."""

        def work() -> None:
            with store.writer("p-1-a1", video=VIDEO, labels=LABELS) as writer:
                for index in range(10):
                    writer.append(CAT, frame(index))
                writer.snapshot(b"after ten\n\x00\xff")
                for index in range(10, 15):
                    writer.append(CAT, frame(index, uncertainty=0.9))
                writer.flush()
                raise KeyError("killed")

        with pytest.raises(KeyError):
            work()

    def test_the_next_run_resumes_from_the_snapshot_of_a_killed_one(self, store: MaskStore) -> None:
        self.killed(store)
        assert store.snapshot("p-1-a1") == b"after ten\n\x00\xff"
        with store.writer("p-1-a2", video=VIDEO, labels=LABELS, resume="p-1-a1") as writer:
            assert store.snapshot("p-1-a2") == b"after ten\n\x00\xff"
            store.remove("p-1-a1")
            for index in range(10, 12):
                writer.append(CAT, frame(index))
            writer.commit()
        assert store.read("p-1-a2").masklets[0].frames == tuple(frame(index) for index in range(12))
        assert store.snapshot("p-1-a2") is None
        assert store.runs("p-1-a") == ("p-1-a2",)

    def test_a_newer_snapshot_replaces_the_older(self, store: MaskStore) -> None:
        with store.writer("run", video=VIDEO, labels=LABELS) as writer:
            writer.append(CAT, frame(0))
            writer.snapshot(b"one")
            writer.append(CAT, frame(1))
            writer.snapshot(b"two")
        assert store.snapshot("run") == b"two"
        seen = store.partial("run")
        assert seen is not None
        assert len(seen.masklets[0].frames) == 2

    def test_without_a_snapshot_a_run_cannot_be_resumed(self, store: MaskStore) -> None:
        assert store.snapshot("p-1-a1") is None
        with (
            pytest.raises(NotFound),
            store.writer("p-1-a2", video=VIDEO, labels=LABELS, resume="p-1-a1"),
        ):
            pass
        assert store.runs() == ()


def test_runs_are_listed_by_prefix(store: MaskStore) -> None:
    for run in ("p-1-a1", "p-1-a2", "p-2-a1"):
        stored(store, run, [0])
    assert store.runs("p-1-") == ("p-1-a1", "p-1-a2")
    assert store.runs() == ("p-1-a1", "p-1-a2", "p-2-a1")
