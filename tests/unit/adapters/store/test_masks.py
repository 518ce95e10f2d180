"""Masks on disk: what a crash, a flipped bit or a full disk leaves."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from backend.adapters.store.masks import FileMaskStore, FileMaskWriter
from backend.domain.errors import IntegrityError, NotFound, ServiceUnavailable
from backend.domain.geometry import FrameSize
from backend.domain.masklets import EncodedMask, FrameEvidence, MaskletFrame, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

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
    """What a writer leaves whose process is killed."""
    folder = root / run
    folder.mkdir(parents=True)
    writer = FileMaskWriter(folder, VIDEO, {CAT: "Cat"})
    writer.append(CAT, frame(0))
    writer.flush()
    writer.append(CAT, frame(1))


def flip_a_bit(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


def delete(path: Path) -> None:
    path.unlink()


def test_chunks_hold_64_records(store: FileMaskStore, root: Path) -> None:
    write(store)
    assert sorted(path.name for path in (root / "run").iterdir()) == [
        "000000.jsonl",
        "000001.jsonl",
        "header.json",
        "manifest.json",
    ]
    assert (root / "run" / "000000.jsonl").read_bytes().count(b"\n") == 64


@pytest.mark.parametrize(
    ("name", "harm", "message"),
    [
        ("000001.jsonl", flip_a_bit, r"file 000001\.jsonl of run 'run' is damaged; run the job again"),
        ("000001.jsonl", delete, r"run 'run' misses its file 000001\.jsonl"),
        ("manifest.json", lambda path: path.write_bytes(b"{"), "the manifest of run 'run' is damaged"),
        ("header.json", lambda path: path.write_bytes(b"{}"), "the header of run 'run' is damaged"),
        ("header.json", lambda path: path.write_bytes(b'{"version": 9}'), "another version of Masklet"),
    ],
)
def test_damage_is_noticed(
    store: FileMaskStore, root: Path, name: str, harm: Callable[[Path], object], message: str
) -> None:
    write(store)
    harm(root / "run" / name)
    with pytest.raises(IntegrityError, match=message):
        store.read("run")


def test_a_killed_writers_run_is_unfinished_and_the_next_writer_begins_anew(store: FileMaskStore, root: Path) -> None:
    abandon(root)
    seen = store.partial("run")
    assert seen is not None
    assert (seen.complete, len(seen.masklets[0].frames)) == (False, 1)
    with pytest.raises(NotFound):
        store.read("run")
    write(store, frames=2)
    assert [f.frame_index for f in store.read("run").masklets[0].frames] == [0, 1]


def test_a_half_written_file_is_not_seen(store: FileMaskStore, root: Path) -> None:
    abandon(root)
    (root / "run" / "000001.tmp").write_bytes(b'{"object":"cat","fra')
    seen = store.partial("run")
    assert seen is not None
    assert len(seen.masklets[0].frames) == 1


def test_the_sweep_takes_silent_unfinished_runs_only(store: FileMaskStore, root: Path) -> None:
    write(store, "done")
    abandon(root, "old")
    abandon(root, "young")
    for name in ("done", "old"):
        os.utime(root / name, (1, 1))
    assert store.sweep(3600) == ("old",)
    assert sorted(path.name for path in root.iterdir()) == ["done", "young"]
    assert FileMaskStore(root / "nowhere").sweep(0) == ()


@pytest.mark.parametrize("failing", range(1, 9))
def test_a_disk_that_fills_up_at_any_write_leaves_nothing(
    store: FileMaskStore, root: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Header, two chunks and manifest are two syncs each: file and folder."""
    real, calls = os.fsync, 0

    def fsync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(ServiceUnavailable, match="masks cannot be written: No space left on device"):
        write(store)
    assert list(root.iterdir()) == []
    write(store)
    assert store.read("run").complete
