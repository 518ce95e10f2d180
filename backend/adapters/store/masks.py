"""Masks on disk: a folder a run, its frames in chunks of JSON lines.

A chunk is written beside its place, synced and renamed, so that a reader sees all of it or nothing. The manifest,
written last, lists the chunks with their SHA-256 and makes the run complete: a crash at any point leaves a run that
reads as unfinished, which `sweep` removes.

    <root>/<run>/header.json      the video and the objects' labels
    <root>/<run>/000000.jsonl     one line a frame and object, in the order they were made
    <root>/<run>/manifest.json    the chunks and their hashes: the run is complete
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from backend.adapters.store.mask_codec import dump_frame, dump_header, load_frame, load_header
from backend.domain.errors import IntegrityError, NotFound, ServiceUnavailable
from backend.domain.masklets import Masklet, MaskletFrame, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.video import VideoInfo

logger = logging.getLogger(__name__)

CHUNK_RECORDS = 64
HEADER = "header.json"
MANIFEST = "manifest.json"


class FileMaskWriter:
    """Writes one run; made by FileMaskStore.writer."""

    def __init__(self, folder: Path, video: VideoInfo, labels: Mapping[ObjectId, str]) -> None:
        self._folder = folder
        self._labels = dict(labels)
        self._lines: list[str] = []
        self._hashes: dict[str, str] = {}
        self.is_complete = False
        _write(folder / HEADER, dump_header(video, self._labels).encode())

    @property
    def run(self) -> str:
        return self._folder.name

    def append(self, object_id: ObjectId, frame: MaskletFrame) -> None:
        """Add one object's mask on one frame. Raises ValueError after commit or for an object without a label."""
        if self.is_complete:
            raise ValueError(f"run {self.run!r} is committed; nothing can be added to it")
        if object_id not in self._labels:
            raise ValueError(f"run {self.run!r} has no object {object_id!r}; its objects are {list(self._labels)}")
        self._lines.append(dump_frame(object_id, frame))
        if len(self._lines) == CHUNK_RECORDS:
            self.flush()

    def flush(self) -> None:
        """Make everything appended so far visible to `partial`. Raises ServiceUnavailable if the disk is full."""
        if not self._lines:
            return
        body = "".join(f"{line}\n" for line in self._lines).encode()
        name = f"{len(self._hashes):06d}.jsonl"
        _write(self._folder / name, body)
        self._hashes[name] = sha256(body).hexdigest()
        self._lines = []

    def commit(self) -> None:
        """Make the run complete."""
        self.flush()
        _write(self._folder / MANIFEST, json.dumps(self._hashes).encode())
        self.is_complete = True


class FileMaskStore:
    """MaskStore in a folder. Any number of readers; one writer a run (attempts have runs of their own)."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def writer(self, run: str, *, video: VideoInfo, labels: Mapping[ObjectId, str]) -> Iterator[FileMaskWriter]:
        """Opens a run and writes its header; leaving without commit removes what was written.

        Raises ValueError if the run was committed before, ServiceUnavailable if the disk is full.
        """
        folder = self._folder(run)
        if (folder / MANIFEST).exists():
            raise ValueError(f"run {run!r} is committed already; a run is written once")
        shutil.rmtree(folder, ignore_errors=True)  # of a writer that was killed
        opened: FileMaskWriter | None = None
        try:
            with _disk_errors():
                folder.mkdir(parents=True)
            opened = FileMaskWriter(folder, video, labels)
            yield opened
        finally:
            if opened is None or not opened.is_complete:
                shutil.rmtree(folder, ignore_errors=True)

    def read(self, run: str) -> MaskRun:
        """Raises NotFound if the run was never committed, IntegrityError if a chunk is damaged."""
        kept = self.partial(run)
        if kept is None or not kept.complete:
            raise NotFound(f"no masks are stored under {run!r}")
        return kept

    def partial(self, run: str) -> MaskRun | None:
        """What an open (or committed) run has flushed so far; None if it has no header yet.

        Raises IntegrityError if a chunk is damaged.
        """
        folder = self._folder(run)
        try:
            hashes = _manifest(folder)
            header = (folder / HEADER).read_bytes()
        except FileNotFoundError:
            return None
        video, labels = load_header(run, header)
        frames: dict[ObjectId, dict[int, MaskletFrame]] = {object_id: {} for object_id in labels}
        for object_id, frame in _records(folder, hashes):
            frames[object_id][frame.frame_index] = frame
        masklets = tuple(
            Masklet(object_id, labels[object_id], tuple(frame for _, frame in sorted(kept.items())))
            for object_id, kept in frames.items()
        )
        return MaskRun(video, masklets, complete=hashes is not None)

    def remove(self, run: str) -> None:
        """Forget a run; one that is not there is fine. Its manifest goes first, so that no reader sees half of it."""
        folder = self._folder(run)
        (folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def sweep(self, older_than_s: float) -> tuple[str, ...]:
        """Remove what killed writers left: unfinished runs that nobody wrote to for so long. Returns their names.

        older_than_s: seconds; must exceed the longest pause between two flushes of a living writer.
        """
        swept = []
        for folder in sorted(self._root.glob("*")) if self._root.is_dir() else ():
            if not (folder / MANIFEST).exists() and _silence_s(folder) > older_than_s:
                shutil.rmtree(folder, ignore_errors=True)
                swept.append(folder.name)
        if swept:
            logger.info("removed %d unfinished runs of masks", len(swept))
        return tuple(swept)

    def _folder(self, run: str) -> Path:
        if not re.fullmatch(r"[a-z0-9-]{1,100}", run):
            raise NotFound(f"{run[:100]!r} is not the name of a run of masks")
        return self._root / run


def _manifest(folder: Path) -> dict[str, str] | None:
    """Chunk names and their hashes; None while the run is open."""
    try:
        hashes: dict[str, str] = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise IntegrityError(f"the manifest of run {folder.name!r} is damaged; run the job again") from error
    return hashes


def _records(folder: Path, hashes: Mapping[str, str] | None) -> Iterator[tuple[ObjectId, MaskletFrame]]:
    names = sorted(path.name for path in folder.glob("*.jsonl")) if hashes is None else sorted(hashes)
    for name in names:
        try:
            body = (folder / name).read_bytes()
        except FileNotFoundError:
            if hashes is None:
                return  # the run was given up while it was read
            raise IntegrityError(f"run {folder.name!r} misses its file {name}; run the job again") from None
        if hashes is not None and sha256(body).hexdigest() != hashes[name]:
            raise IntegrityError(f"file {name} of run {folder.name!r} is damaged; run the job again")
        for line in body.splitlines():
            yield load_frame(line)


def _write(path: Path, body: bytes) -> None:
    """All of it or nothing, and on disk on return."""
    beside = path.with_suffix(".tmp")
    with _disk_errors():
        with beside.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the rename itself
        finally:
            os.close(folder)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ServiceUnavailable(
            f"masks cannot be written: {error.strerror or error}; the job goes on once that is mended"
        ) from error


def _silence_s(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime  # every chunk is a new name in the folder
    except FileNotFoundError:
        return 0.0
