"""The media cache: content addressing, the size limit, and files in use."""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from backend.adapters.media.cache import MediaCache, file_hash, pages_hash
from backend.domain.errors import MediaError, MediaUnreachable, StorageFull
from backend.domain.video import ContentHash


def stored_files(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file() and len(path.name) == 64)


def test_a_file_is_found_by_its_address_and_named_by_its_content(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 1000)
    kept = cache.put("http://a/x.mp4", [b"ab", b"c"], validator='"v1"')
    assert kept.content_hash == hashlib.sha256(b"abc").hexdigest() == kept.path.name == file_hash(kept.path)
    assert kept.path.read_bytes() == b"abc"
    assert MediaCache(tmp_path, 1000).find("http://a/x.mp4") == kept
    assert cache.find("http://a/other.mp4") is None


def test_equal_content_is_kept_once(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 1000)
    first, second = cache.put("http://a/1", [b"abc"]), cache.put("http://a/2", [b"abc"])
    assert first.path == second.path
    assert len(stored_files(tmp_path)) == 1
    assert cache.find("http://a/1") is not None


def test_new_content_of_an_address_replaces_the_old(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 1000)
    cache.put("http://a/1", [b"old"], validator="1")
    cache.put("http://a/1", [b"new"], validator="2")
    found = cache.find("http://a/1")
    assert found is not None
    assert (found.path.read_bytes(), found.validator) == (b"new", "2")


def test_a_broken_stream_leaves_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"abc"
        raise MediaUnreachable("cut")

    cache = MediaCache(tmp_path, 1000)
    with pytest.raises(MediaUnreachable, match=r"^cut$"):
        cache.put("http://a/1", broken())
    assert cache.find("http://a/1") is None
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {"index"}


def test_the_least_recently_used_file_is_evicted_first(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 10)
    first = cache.put("1", [b"aaaa"])
    cache.put("2", [b"bbbb"])
    with cache.hold(first):
        pass  # the second is now the least recently used
    cache.put("3", [b"cccc"])
    assert [cache.find(address) is not None for address in "123"] == [True, False, True]


def test_uses_in_quick_succession_are_noted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [1000.0]
    monkeypatch.setattr("backend.adapters.media.cache.time.time", lambda: now_s[0])
    cache = MediaCache(tmp_path, 10)
    kept = cache.put("1", [b"aaaa"])

    def noted_s() -> float:
        with closing(sqlite3.connect(tmp_path / "index.sqlite")) as database:
            return float(database.execute("SELECT used_s FROM files").fetchone()[0])

    for passed_s, expected_s in ((1.0, 1001.0), (9.0, 1001.0), (1.0, 1011.0)):
        now_s[0] += passed_s
        with cache.hold(kept):
            assert noted_s() == expected_s


def test_threads_share_the_index(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 10_000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: cache.put(str(n), [b"%d" % n]), range(40)))
        found = list(pool.map(lambda n: cache.find(str(n)), range(40)))
    assert [file and file.path.read_bytes() for file in found] == [b"%d" % n for n in range(40)]


def test_a_file_in_use_is_never_evicted(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 10)
    held = cache.put("1", [b"aaaaaaaa"])
    with cache.hold(held) as path:
        cache.put("2", [b"bbbbbbbb"])
        assert path.read_bytes() == b"aaaaaaaa"
        assert cache.evict() == 8  # the other one is evicted, though it was used later
        assert path.exists()


def test_a_file_in_use_by_another_process_is_never_evicted(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 10)
    held = cache.put("1", [b"aaaaaaaa"])
    code = (
        "import sys; from pathlib import Path\n"
        "from backend.adapters.media.cache import MediaCache\n"
        f"cache = MediaCache(Path({str(tmp_path)!r}), 10)\n"
        "with cache.hold(cache.find('1')):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=os.getcwd()
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        cache.put("2", [b"bbbbbbbb"])
        assert held.path.exists()
        other.communicate(b"")
    assert cache.evict() == 8


def test_opening_an_evicted_file_raises_an_error(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 10)
    gone = cache.put("1", [b"aaaaaaaa"])
    gone.path.unlink()
    with pytest.raises(MediaUnreachable, match="fetch it again"), cache.hold(gone):
        pass
    assert cache.find("1") is None


def test_a_file_of_the_wrong_length_is_not_offered(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 100)
    cache.put("1", [b"aaaaaaaa"]).path.write_bytes(b"aa")
    assert cache.find("1") is None


def test_a_file_over_the_limit_is_refused_with_the_setting(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 4)
    with pytest.raises(MediaError, match=r"larger than the media cache .* MASKLET_MEDIA_MAX_GIB"):
        cache.put("1", [b"aaa", b"bbb"])
    assert stored_files(tmp_path) == []


def test_a_full_disk_is_named_in_the_error(tmp_path: Path) -> None:
    def full() -> Iterator[bytes]:
        yield b"a"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(StorageFull, match="no space is left in .*: free some"):
        MediaCache(tmp_path, 10).put("1", full())


def test_old_files_of_a_killed_fetch_are_removed(tmp_path: Path) -> None:
    old, young = tmp_path / "old.part", tmp_path / "young.part"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    os.utime(old, (1, 1))
    MediaCache(tmp_path, 10)
    assert (old.exists(), young.exists()) == (False, True)


def test_the_hash_of_pages_depends_on_their_order() -> None:
    one, two = ContentHash("1" * 64), ContentHash("2" * 64)
    assert pages_hash([one, two]) != pages_hash([two, one])
    assert len(pages_hash([one])) == 64
