"""The mask files after a crash, a flipped bit or a full disk."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import pytest

from backend.adapters.store.masks.codec import dump_frame, key_of
from backend.adapters.store.masks.store import FileMaskStore
from backend.adapters.store.masks.writer import ObjectMaskWriter
from backend.adapters.store.objects.files import FileObjects
from backend.domain.errors import IntegrityError, NotFound, StorageFull
from backend.domain.geometry import FrameSize
from backend.domain.masklets import EncodedMask, FrameEvidence, MaskletFrame, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.video import ContentHash, FrameIndex, FrameRange, VideoInfo

CAT = ObjectId("cat")
VIDEO = VideoInfo(ContentHash("ab" * 32), FrameSize(64, 48), 200, Fraction(25))
EVIDENCE = FrameEvidence((), 3.0, 1.0, 1.0, 0.0, None, None, 0)


def frame(index: int) -> MaskletFrame:
    return MaskletFrame(FrameIndex(index), EncodedMask(48, 64, "Pd1o2"), EVIDENCE, MaskOrigin.PROPAGATED, 0.1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "masks"


@pytest.fixture
def store(root: Path) -> FileMaskStore:
    return FileMaskStore(root)


def write(store: FileMaskStore, run: str = "run", frames: int = 100) -> None:
    with store.writer(run, video=VIDEO, labels={CAT: "Cat"}) as writer:
        for index in range(frames):
            writer.append(CAT, frame(index))
        writer.commit()


def abandon(root: Path, run: str = "run") -> None:
    """Leaves the files of a writer whose process was killed."""
    objects = FileObjects(root)
    objects.open(run)
    writer = ObjectMaskWriter(objects, run, VIDEO, {CAT: "Cat"})
    writer.append(CAT, frame(0))
    writer.flush()
    writer.append(CAT, frame(1))


def flip_a_bit(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


def delete(path: Path) -> None:
    path.unlink()


def test_records_are_read_from_any_position_on(store: FileMaskStore, root: Path) -> None:
    write(store)
    for start in (0, 1, 63, 64, 65, 99, 100, 150):
        for _ in range(2):  # the second time with the counts of the first
            found = [record.frame_index for _, record in store.records("run", start)]
            assert found == list(range(start, 100))


def test_a_chunk_before_the_position_is_not_opened_again(store: FileMaskStore, root: Path) -> None:
    write(store)
    list(store.records("run"))
    (root / "run" / "000000_0-63.jsonl").unlink()
    assert [record.frame_index for _, record in store.records("run", 70)] == list(range(70, 100))
    with pytest.raises(IntegrityError):
        list(store.records("run", 10))


def test_chunks_hold_64_records(store: FileMaskStore, root: Path) -> None:
    write(store)
    assert sorted(path.name for path in (root / "run").iterdir()) == [
        "000000_0-63.jsonl",
        "000001_64-99.jsonl",
        "header.json",
        "manifest.json",
    ]
    assert (root / "run" / "000000_0-63.jsonl").read_bytes().count(b"\n") == 64


@pytest.mark.parametrize(
    ("name", "harm", "message"),
    [
        ("000001_64-99.jsonl", flip_a_bit, r"file 000001_64-99\.jsonl of run 'run' is damaged; run the job again"),
        ("000001_64-99.jsonl", delete, r"run 'run' misses its file 000001_64-99\.jsonl"),
        ("manifest.json", lambda path: path.write_bytes(b"{"), "the manifest of run 'run' is damaged"),
        ("header.json", lambda path: path.write_bytes(b"{}"), "the header of run 'run' is damaged"),
        ("header.json", lambda path: path.write_bytes(b'{"version": 9}'), "another version of Masklet"),
    ],
)
def test_a_damaged_run_is_detected(
    store: FileMaskStore, root: Path, name: str, harm: Callable[[Path], object], message: str
) -> None:
    write(store)
    harm(root / "run" / name)
    with pytest.raises(IntegrityError, match=message):
        store.read("run")


def test_a_killed_writer_s_run_is_unfinished_and_overwritten(store: FileMaskStore, root: Path) -> None:
    abandon(root)
    seen = store.partial("run")
    assert seen is not None
    assert (seen.complete, len(seen.masklets[0].frames)) == (False, 1)
    with pytest.raises(NotFound):
        store.read("run")
    write(store, frames=2)
    assert [f.frame_index for f in store.read("run").masklets[0].frames] == [0, 1]


def test_a_partly_written_file_is_not_read(store: FileMaskStore, root: Path) -> None:
    abandon(root)
    (root / "run" / "000001.tmp").write_bytes(b'{"object":"cat","fra')
    seen = store.partial("run")
    assert seen is not None
    assert len(seen.masklets[0].frames) == 1


def test_the_sweep_removes_only_idle_unfinished_runs(store: FileMaskStore, root: Path) -> None:
    write(store, "done")
    abandon(root, "old")
    abandon(root, "young")
    for name in ("done", "old"):
        os.utime(root / name, (1, 1))
    assert store.sweep(3600) == ("old",)
    assert sorted(path.name for path in root.iterdir()) == ["done", "young"]
    assert FileMaskStore(root / "nowhere").sweep(0) == ()


@pytest.mark.parametrize("failing", range(1, 6))
def test_a_full_disk_at_any_write_leaves_no_run(
    store: FileMaskStore, root: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Header, two chunks, manifest, and the folder that names them: five syncs."""
    real, calls = os.fsync, 0

    def fsync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StorageFull, match="no space is left in the mask store"):
        write(store)
    assert list(root.iterdir()) == []
    write(store)
    assert store.read("run").complete


def test_a_run_that_is_not_durable_makes_no_fsync(store: FileMaskStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise AssertionError("a click waited for the disk")

    monkeypatch.setattr(os, "fsync", fsync)
    with store.writer("i-1-a1", video=VIDEO, labels={CAT: "Cat"}) as writer:
        writer.append(CAT, frame(3))
        writer.commit(durable=False)
    assert store.read("i-1-a1").masklets[0].frames == (frame(3),)


def killed_after_a_snapshot(store: FileMaskStore, run: str = "old") -> None:
    with store.writer(run, video=VIDEO, labels={CAT: "Cat"}) as writer:
        for index in range(70):
            writer.append(CAT, frame(index))
        writer.snapshot(b"state")


@pytest.mark.parametrize(
    ("name", "harm", "message"),
    [
        ("snapshot.bin", flip_a_bit, "the snapshot of run 'old' is damaged"),
        ("000000_0-63.jsonl", flip_a_bit, r"file 000000_0-63\.jsonl of run 'old' is damaged"),
        ("000001_64-69.jsonl", delete, r"run 'old' misses its file 000001_64-69\.jsonl"),
    ],
)
def test_a_damaged_snapshot_is_detected_and_starts_no_run(
    store: FileMaskStore, root: Path, name: str, harm: Callable[[Path], object], message: str
) -> None:
    killed_after_a_snapshot(store)
    harm(root / "old" / name)
    with (
        pytest.raises(IntegrityError, match=message),
        store.writer("new", video=VIDEO, labels={CAT: "Cat"}, resume="old"),
    ):
        pass
    assert store.runs() == ("old",)


def test_a_file_system_without_links_is_copied(
    store: FileMaskStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    killed_after_a_snapshot(store)
    monkeypatch.setattr(os, "link", link)
    with store.writer("new", video=VIDEO, labels={CAT: "Cat"}, resume="old") as writer:
        writer.commit()
    store.remove("old")
    assert len(store.read("new").masklets[0].frames) == 70


def test_few_frames_read_few_files(store: FileMaskStore, root: Path) -> None:
    write(store, frames=200)
    for path in root.glob("run/*.jsonl"):
        if path.name != "000001_64-127.jsonl":
            path.unlink()
    kept = store.read("run", FrameRange(FrameIndex(70), FrameIndex(72)))
    assert [f.frame_index for f in kept.masklets[0].frames] == [70, 71]


def test_any_frames_of_an_earlier_version_s_run_are_read(store: FileMaskStore, root: Path) -> None:
    write(store, frames=70)
    hashes = {}
    for position, path in enumerate(sorted(root.glob("run/*.jsonl"))):
        hashes[f"{position:06d}.jsonl"] = sha256(path.read_bytes()).hexdigest()
        path.rename(path.with_name(f"{position:06d}.jsonl"))
    (root / "run" / "manifest.json").write_text(json.dumps(hashes))
    kept = store.read("run", FrameRange(FrameIndex(63), FrameIndex(65)))
    assert [f.frame_index for f in kept.masklets[0].frames] == [63, 64]


@pytest.mark.parametrize("name", ["cat", 'a","frame":7,"b', "\\", "ü\n\u2028", '"', '\\","frame":'])
def test_the_object_of_a_record_is_read_without_decoding_it(name: str) -> None:
    line = dump_frame(ObjectId(name), frame(42)).encode()
    assert key_of(line) == (name, 42)
    other_order = json.dumps(dict(reversed(json.loads(line).items()))).encode()
    assert key_of(other_order) == (name, 42)


def test_runs_without_recent_writes_are_idle(store: FileMaskStore, root: Path) -> None:
    write(store, "old")
    write(store, "young")
    os.utime(root / "old", (1000, 1000))
    assert store.idle_runs(999.0) == ()
    assert store.idle_runs(1001.0) == ("old",)
