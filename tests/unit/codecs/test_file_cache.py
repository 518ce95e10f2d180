"""The cache of files: its size, and what a failed write does."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.codecs import file_cache
from backend.codecs.file_cache import FileCache


def test_the_least_recently_used_files_go(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 30)
    for name in ("a/1", "a/2", "b/1"):
        cache.put(name, bytes(10))
    cache.get("a/1")
    assert cache.nbytes == 30
    cache.put("b/2", bytes(10))
    cache.put("b/3", bytes(31))
    assert (cache.nbytes, cache.get("b/3")) == (40, None), "it is tidied from time to time"
    cache.sweep()
    assert (cache.nbytes, cache.get("a/2")) == (30, None)
    assert cache.get("a/1") == bytes(10)


def test_a_later_process_knows_the_size(tmp_path: Path) -> None:
    FileCache(tmp_path, 100).put("a/1", bytes(10))
    other = FileCache(tmp_path, 100)
    assert other.nbytes == 10


def test_a_write_that_failed_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(file_cache, "SWEEP_EVERY", 2)
    cache = FileCache(tmp_path / "cache", 30)
    cache.put("a/1", bytes(10))
    (tmp_path / "cache" / "file").write_bytes(b"")
    for _ in range(3):
        cache.put("file/1", bytes(10))  # its folder cannot be made
    assert "file/1 is not cached" in caplog.text
    assert cache.nbytes == 10
    for name in ("a/2", "a/3"):
        cache.put(name, bytes(10))
    cache.put("a/4", bytes(10))
    assert cache.nbytes == 40, "the fourth file that was written is not the one at which the folder is looked at"
    cache.put("a/5", bytes(10))
    assert cache.nbytes == 30
