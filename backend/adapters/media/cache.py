"""The cache of fetched media on disk, by content: the same bytes from several addresses are stored once.

Owns the folder, its size limit and its eviction; fetches nothing. Several processes may share a folder: a file is
written under a temporary name, synced and renamed, and a file in use is locked against eviction. Addresses are stored
as hashes: they can hold signatures.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, LifoQueue
from typing import BinaryIO
from uuid import uuid4

from backend.application.ports.progress import work_moved
from backend.codecs.atomic_file import sync_path
from backend.codecs.full_disk import full_disk_told, has_no_space, storage_full
from backend.domain.errors import MediaError, MediaUnreachable
from backend.domain.video import ContentHash

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (hash TEXT PRIMARY KEY, size INTEGER NOT NULL, used_s REAL NOT NULL);
CREATE TABLE IF NOT EXISTS addresses (
    address TEXT PRIMARY KEY, validator TEXT NOT NULL, hash TEXT NOT NULL, checked_s REAL NOT NULL
);
"""
_STALE_PART_S = 24 * 3600.0
_USE_NOTED_S = 10.0
"""A use is written down if none was for so long: a write for each use of a page takes longer than the use."""

_USES_KEPT = 50_000
_HASH_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A media file in the cache. validator: the server's identifier of this version (ETag or date)."""

    path: Path
    content_hash: ContentHash
    size: int
    validator: str


class MediaCache:
    """A content-addressed folder of media files, at most max_bytes large; files in use may exceed the limit.

    A reader holds a file (`with cache.hold(...)`) while it reads.
    """

    def __init__(self, root: Path, max_bytes: int) -> None:
        self._root = root
        self._max_bytes = max_bytes
        # SQLite syncs the index when the last connection closes; one stays open.
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._noted_s: dict[ContentHash, float] = {}
        root.mkdir(parents=True, exist_ok=True)
        with (root / "index.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the switch to WAL fails at once if another process has a lock
            with self._database() as database:
                database.execute("PRAGMA journal_mode=WAL")
                database.executescript(_SCHEMA)
        self._remove_stale_parts()

    def find(self, address: str) -> CachedFile | None:
        """The last file of an address, with its validator; None if it is not in the cache."""
        with self._database() as database:
            row = database.execute(
                "SELECT f.hash, f.size, a.validator FROM addresses a JOIN files f USING (hash) WHERE a.address = ?",
                (_key(address),),
            ).fetchone()
        if row is None:
            return None
        found = CachedFile(self._path(row[0]), ContentHash(row[0]), int(row[1]), str(row[2]))
        if not found.path.is_file() or found.path.stat().st_size != found.size:
            self._forget(found.content_hash)
            return None
        return found

    def put(self, address: str, chunks: Iterable[bytes], *, validator: str = "") -> CachedFile:
        """Store a stream's bytes. Errors of `chunks` pass through; then nothing is stored.

        Raises MediaError if the file exceeds the cache's limit, StorageFull if the disk is full.
        """
        part = self._root / f"{uuid4().hex}.part"
        try:
            with full_disk_told(self._root):
                content_hash, size = self._write(part, chunks)
                path = self._path(content_hash)
                path.parent.mkdir(exist_ok=True)
                part.replace(path)
                sync_path(path.parent)
        finally:
            part.unlink(missing_ok=True)
        with self._told():
            self._record(address, validator, content_hash, size)
        stored = CachedFile(path, content_hash, size, validator)
        with self._locked(stored):
            self.evict()
        return stored

    @contextmanager
    def hold(self, file: CachedFile) -> Iterator[Path]:
        """Protect a file from eviction by any process within the block. Raises MediaUnreachable if it was evicted."""
        with self._locked(file):
            self._note_use(file.content_hash)
            yield file.path

    @contextmanager
    def _locked(self, file: CachedFile) -> Iterator[None]:
        try:
            handle = file.path.open("rb")
        except FileNotFoundError as error:
            self._forget(file.content_hash)
            raise MediaUnreachable(f"{file.path.name} was evicted from the media cache: fetch it again") from error
        with handle:
            fcntl.flock(handle, fcntl.LOCK_SH)
            if not file.path.is_file():
                raise MediaUnreachable(f"{file.path.name} was evicted from the media cache: fetch it again")
            yield

    def _note_use(self, content_hash: ContentHash) -> None:
        now_s = time.time()
        if 0 <= now_s - self._noted_s.get(content_hash, 0.0) < _USE_NOTED_S:
            return
        if len(self._noted_s) >= _USES_KEPT:
            self._noted_s.clear()
        with suppress(sqlite3.OperationalError), self._database() as database:  # a full disk costs the order only
            database.execute("UPDATE files SET used_s = ? WHERE hash = ?", (now_s, content_hash))
            self._noted_s[content_hash] = now_s

    def evict(self) -> int:
        """Remove the least recently used files down to the limit; returns the bytes freed. Skips files in use."""
        with self._database() as database:
            rows = database.execute("SELECT hash, size FROM files ORDER BY used_s").fetchall()
        excess = sum(size for _, size in rows) - self._max_bytes
        freed = 0
        for content_hash, size in rows:
            if freed >= excess:
                break
            if self._remove(ContentHash(content_hash)):
                freed += size
        return freed

    def _remove(self, content_hash: ContentHash) -> bool:
        path = self._path(content_hash)
        try:
            with path.open("rb") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
        except BlockingIOError:
            return False
        except FileNotFoundError:
            pass
        self._forget(content_hash)
        return True

    def _write(self, part: Path, chunks: Iterable[bytes]) -> tuple[ContentHash, int]:
        digest = hashlib.sha256()
        size = 0
        with part.open("wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > self._max_bytes:
                    raise MediaError(
                        f"the media file is larger than the media cache ({self._max_bytes / 2**30:.3g} GiB); "
                        "raise MASKLET_MEDIA_MAX_GIB"
                    )
                digest.update(chunk)
                file.write(chunk)
            _sync(file)
        return ContentHash(digest.hexdigest()), size

    def _record(self, address: str, validator: str, content_hash: ContentHash, size: int) -> None:
        now = time.time()
        with self._database() as database:
            database.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", (content_hash, size, now))
            database.execute(
                "INSERT OR REPLACE INTO addresses VALUES (?, ?, ?, ?)", (_key(address), validator, content_hash, now)
            )

    def _forget(self, content_hash: ContentHash) -> None:
        with self._database() as database:
            database.execute("DELETE FROM files WHERE hash = ?", (content_hash,))
            database.execute("DELETE FROM addresses WHERE hash = ?", (content_hash,))

    def _path(self, content_hash: str) -> Path:
        return self._root / content_hash[:2] / content_hash

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "full" in str(error) or has_no_space(self._root):
                raise storage_full(self._root) from error
            raise

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """One short transaction on a connection that no other thread uses meanwhile; processes share the folder.

        It is not synced: entries that a power cut removes from the index are fetched again.
        """
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = self._connect()
        try:
            with connection:
                yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.put(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._root / "index.sqlite", timeout=30, check_same_thread=False)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()  # opens the file
        return connection

    def _remove_stale_parts(self) -> None:
        """Remove the parts of killed fetches: a part of a running fetch is younger than _STALE_PART_S."""
        for part in self._root.glob("*.part"):
            try:
                if time.time() - part.stat().st_mtime > _STALE_PART_S:
                    part.unlink()
            except FileNotFoundError:
                continue


def file_hash(path: Path) -> ContentHash:
    """SHA-256 of a file, hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK):
            digest.update(chunk)
            work_moved()
    return ContentHash(digest.hexdigest())


def pages_hash(page_hashes: Iterable[ContentHash]) -> ContentHash:
    """The content hash of a task of pages: SHA-256 of the page hashes in order."""
    return ContentHash(hashlib.sha256("\n".join(page_hashes).encode()).hexdigest())


def _key(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
