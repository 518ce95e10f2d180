"""The files of a run of masks: how they are named, written and read; knows nothing of what their lines mean.

    <run>/header.json                the video and the objects' labels
    <run>/000000_0-31.jsonl          a chunk: lines in the order they were made, of frames 0 to 31
    <run>/snapshot.bin               how to go on with an unfinished run, and the chunks that belong to it
    <run>/manifest.json              the chunks and their hashes: the run is complete

A chunk's name says which frames it has lines of, so that who looks at few frames opens few files. Every file is
written beside its place, synced and renamed: a reader sees all of it or nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from backend.codecs.atomic_file import sync_path, write_atomically
from backend.codecs.full_disk import is_full, storage_full
from backend.domain.errors import IntegrityError, NotFound, ServiceUnavailable
from backend.domain.video import FrameRange

HEADER = "header.json"
MANIFEST = "manifest.json"
SNAPSHOT = "snapshot.bin"

_FRAMES = re.compile(r"[0-9]+_([0-9]+)-([0-9]+)\.jsonl")

Hashes = Mapping[str, str]
"""Chunk names and the SHA-256, hex, of their content."""


def chunk_name(position: int, first_frame: int, last_frame: int) -> str:
    return f"{position:06d}_{first_frame}-{last_frame}.jsonl"


def write_file(path: Path, body: bytes, *, synced: bool = True) -> None:
    """All of it or nothing, and on disk on return. Raises ServiceUnavailable if the disk is full.

    synced False leaves it to the system when it gets to the disk; until then it is there for every process.
    """
    with disk_errors():
        write_atomically(path, body, synced=synced)


def sync_files(paths: Iterable[Path]) -> None:
    """Bring to the disk what was written without; their names get there with the next file that is synced."""
    with disk_errors():
        for path in paths:
            with path.open("rb") as file:
                os.fsync(file.fileno())


def read_manifest(folder: Path) -> Hashes | None:
    """None while the run is open. Raises IntegrityError."""
    try:
        hashes: dict[str, str] = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise IntegrityError(f"the manifest of run {folder.name!r} is damaged; run the job again") from error
    return hashes


def read_lines(folder: Path, hashes: Hashes | None, frames: FrameRange | None = None) -> Iterator[bytes]:
    """The lines of a run's chunks, in order; with frames, of those chunks only that have lines of these frames.

    hashes: None for a run that is still open, of which there is what there is. Raises IntegrityError.
    """
    for _, body in read_chunks(folder, hashes, frames):
        yield from body.splitlines()


def read_chunks(
    folder: Path,
    hashes: Hashes | None,
    frames: FrameRange | None = None,
    *,
    skips: Callable[[str], bool] = lambda _: False,
) -> Iterator[tuple[str, bytes]]:
    """The names and contents of a run's chunks; see `read_lines`. skips: names of chunks that are not read."""
    names = sorted(path.name for path in folder.glob("*.jsonl")) if hashes is None else sorted(hashes)
    for name in names:
        if (frames is not None and not _may_hold(name, frames)) or skips(name):
            continue
        try:
            body = (folder / name).read_bytes()
        except FileNotFoundError:
            if hashes is None:
                return  # the run was given up while it was read
            raise IntegrityError(f"run {folder.name!r} misses its file {name}; run the job again") from None
        if hashes is not None and sha256(body).hexdigest() != hashes[name]:
            raise IntegrityError(f"file {name} of run {folder.name!r} is damaged; run the job again")
        yield name, body


def write_snapshot(folder: Path, hashes: Hashes, state: bytes) -> None:
    """Note how to go on after these chunks, which must be on disk already."""
    body = json.dumps(hashes).encode() + b"\n" + state
    write_file(folder / SNAPSHOT, sha256(body).hexdigest().encode() + b"\n" + body)


def read_snapshot(folder: Path) -> tuple[Hashes, bytes] | None:
    """The chunks and the state; None if there is none. Raises IntegrityError."""
    try:
        digest, _, body = (folder / SNAPSHOT).read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    if digest != sha256(body).hexdigest().encode():
        raise IntegrityError(f"the snapshot of run {folder.name!r} is damaged")
    line, _, state = body.partition(b"\n")
    hashes: dict[str, str] = json.loads(line)
    return hashes, state


def share_chunks(source: Path, target: Path, hashes: Hashes) -> None:
    """Put chunks of one run into another. They are never written again, so both may hold the same file.

    Raises IntegrityError if one is missing or damaged.
    """
    with disk_errors():
        for name, digest in hashes.items():
            try:
                share_file(source / name, target / name)
                body = (target / name).read_bytes()
            except FileNotFoundError:
                raise IntegrityError(f"run {source.name!r} misses its file {name}") from None
            if sha256(body).hexdigest() != digest:
                raise IntegrityError(f"file {name} of run {source.name!r} is damaged")
        sync_path(target)


def share_file(source: Path, target: Path) -> None:
    """The same content under another name, which is on disk once the folder is synced."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(source, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())


def silence_s(folder: Path) -> float:
    """Seconds since anybody wrote to a run."""
    try:
        return time.time() - folder.stat().st_mtime  # every chunk is a new name in the folder
    except FileNotFoundError:
        return 0.0


@contextmanager
def disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise storage_full("the mask store") from error
        raise ServiceUnavailable(
            f"masks cannot be written: {error.strerror or error}; the job goes on once that is mended"
        ) from error


def _may_hold(name: str, frames: FrameRange) -> bool:
    named = _FRAMES.fullmatch(name)
    return named is None or (int(named[1]) < frames.stop and frames.start <= int(named[2]))


def require_complete(folder: Path) -> Hashes:
    """The chunks of a complete run. Raises NotFound if it is not complete, IntegrityError."""
    hashes = read_manifest(folder)
    if hashes is None:
        raise NotFound(f"no masks are stored under {folder.name!r}")
    return hashes
