"""The folder of an export: complete or absent, no file outside it, errors that name the file."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from backend.adapters.formats.shared.target import open_new, target_folder
from backend.domain.errors import NotAllowed, ServiceUnavailable


class FullDisk:
    """Opens `free_files` real files; the next one raises ENOSPC."""

    def __init__(self, free_files: int) -> None:
        self.free_files = free_files

    def __call__(self, path: Path) -> BinaryIO:
        self.free_files -= 1
        if self.free_files < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return open_new(path)


def finished(out: Path) -> None:
    with target_folder(out) as target:
        target.write("a.txt", b"old")
        target.finish()
        target.write("manifest.json", b'{"manifest_version": 1}')


def test_the_folder_appears_only_when_the_export_ends(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with target_folder(out) as target:
        target.write("deep/er/a.txt", b"one")
        with target.open("b.bin") as file:
            file.write(b"____")
            file.seek(0)
            file.write(b"tw")
        assert not out.exists()
    assert (out / "deep/er/a.txt").read_bytes() == b"one"
    assert (out / "b.bin").read_bytes() == b"tw__"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_every_file_is_listed_with_its_final_hash(tmp_path: Path) -> None:
    with target_folder(tmp_path / "out") as target:
        target.write("a.txt", b"one")
        with target.open("b.bin") as file:
            file.write(b"xx")
            file.seek(0)
            file.write(b"yy")
        listing = target.finish()
    listed = (tmp_path / "out/files.sha256").read_text()
    assert listed == f"{hashlib.sha256(b'one').hexdigest()}  a.txt\n{hashlib.sha256(b'yy').hexdigest()}  b.bin\n"
    assert listing == {
        "list": "files.sha256",
        "count": 2,
        "bytes": 5,
        "sha256": hashlib.sha256(listed.encode()).hexdigest(),
    }


@pytest.mark.parametrize("path", ["../a", "/etc/a", "a/../../b", "", "a\0b"])
def test_a_path_outside_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="not a path within an export"), target_folder(tmp_path / "out") as target:
        target.write(path, b"")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path: Path) -> None:
    def export() -> None:
        with target_folder(tmp_path / "out", opener=FullDisk(2)) as target:
            for name in ("a.txt", "b.txt", "c.txt"):
                target.write(name, b"1")

    with pytest.raises(ServiceUnavailable, match=r"out/c\.txt cannot be written: No space left on device.*make room"):
        export()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_during_spooling_leaves_nothing(tmp_path: Path) -> None:
    def export() -> None:
        with target_folder(tmp_path / "out") as target:
            target.spool().write(b"waits")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ServiceUnavailable, match="No space left"):
        export()
    assert list(tmp_path.iterdir()) == []


def test_other_errors_are_not_translated(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), target_folder(tmp_path / "out"):
        (tmp_path / "source.json").read_bytes()


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("all my work")
    with pytest.raises(NotAllowed, match="is not empty; name another folder or pass --overwrite"):
        finished(tmp_path / "out")


def test_overwrite_refuses_a_folder_that_is_not_an_export(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/manifest.json").write_text(json.dumps({"name": "a web app"}))
    with (
        pytest.raises(NotAllowed, match="not an export"),
        target_folder(tmp_path / "out", overwrite=True),
    ):
        pass
    assert (tmp_path / "out/manifest.json").exists()


def test_overwrite_keeps_the_old_export_if_the_new_one_fails(tmp_path: Path) -> None:
    out = tmp_path / "out"
    finished(out)

    def fail() -> None:
        with target_folder(out, overwrite=True) as target:
            target.write("b.txt", b"new")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (out / "a.txt").read_bytes() == b"old"
    with target_folder(out, overwrite=True) as target:
        target.write("b.txt", b"new")
    assert [path.name for path in out.iterdir()] == ["b.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    finished(tmp_path / "out")
    assert (tmp_path / "out/a.txt").exists()


def test_the_next_export_removes_the_files_of_a_killed_one(tmp_path: Path) -> None:
    with target_folder(tmp_path / "out") as target:
        (building,) = tmp_path.iterdir()
        target.write("a.txt", b"1")
    dead = building.with_name(building.name.rpartition("-")[0] + "-4194303")  # beyond the kernel's largest number
    dead.mkdir()
    finished(tmp_path / "other")
    assert dead.exists()
    (tmp_path / "out/a.txt").unlink()
    finished(tmp_path / "out")
    assert not dead.exists()


def test_a_name_of_255_bytes_works(tmp_path: Path) -> None:
    out = tmp_path / ("é" * 127)
    finished(out)
    assert (out / "a.txt").exists()


def test_two_exports_to_one_place_at_once_do_not_mix(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with target_folder(out) as target:
        target.write("a.txt", b"mine")
        with pytest.raises(ServiceUnavailable, match="File exists"), target_folder(out):
            pass
    assert (out / "a.txt").read_bytes() == b"mine"
