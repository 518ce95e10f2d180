"""Atomic writes: a reader sees the old content or the new."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backend.codecs.atomic_file import write_atomically


@pytest.mark.parametrize("synced", [False, True])
def test_content_is_replaced(tmp_path: Path, synced: bool) -> None:
    path = tmp_path / "a.json"
    for body in (b"old", b"new"):
        write_atomically(path, body, synced=synced)
        assert path.read_bytes() == body
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_failed_write_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new", synced=True)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_permissions_are_those_asked_for(tmp_path: Path, mode: int) -> None:
    write_atomically(tmp_path / "a", b"", mode=mode)
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode
