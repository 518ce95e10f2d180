"""Masks on disk: a folder a run, its frames in chunks of JSON lines (the files: run_files).

The manifest, written last, makes a run complete: a crash at any point leaves a run that reads as unfinished. One that
has a snapshot is there for the job's next attempt; what nobody takes up, `sweep` removes.
"""

from __future__ import annotations

import itertools
import json
import logging
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from backend.adapters.store.masks.codec import dump_frame, dump_header, key_of, load_frame, load_header
from backend.adapters.store.masks.files import (
    HEADER,
    MANIFEST,
    SNAPSHOT,
    Hashes,
    chunk_name,
    disk_errors,
    read_chunks,
    read_lines,
    read_manifest,
    read_snapshot,
    share_chunks,
    share_file,
    silence_s,
    sync_files,
    write_file,
    write_snapshot,
)
from backend.domain.errors import IntegrityError, NotFound
from backend.domain.masklets import Masklet, MaskletFrame, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.replan import ranges_of
from backend.domain.video import FrameIndex, FrameRange, VideoInfo

logger = logging.getLogger(__name__)

CHUNK_RECORDS = 64


class FileMaskWriter:
    """Writes one run; made by FileMaskStore.writer."""

    def __init__(self, folder: Path, video: VideoInfo, labels: Mapping[ObjectId, str], *, shown: bool = True) -> None:
        self._folder = folder
        self._labels = dict(labels)
        self._header = dump_header(video, self._labels).encode()
        self._is_shown = False
        self._lines: list[bytes] = []
        self._frames: list[int] = []
        self._hashes: dict[str, str] = {}
        self._unsynced: list[str] = []
        self.is_complete = False
        self.is_resumable = False
        if shown:
            self._show()

    @property
    def run(self) -> str:
        return self._folder.name

    def append(self, object_id: ObjectId, frame: MaskletFrame) -> None:
        """Add one object's mask on one frame. Raises ValueError after commit or for an object without a label."""
        self._add(object_id, frame.frame_index, dump_frame(object_id, frame).encode())

    def carry(self, run: str, keeps: Callable[[ObjectId, FrameIndex], bool]) -> int:
        """Add an earlier complete run's masks, as they are, of the objects and frames that `keeps` agrees to.

        Returns how many. Raises NotFound, IntegrityError if that run is gone or damaged.
        """
        source = self._folder.with_name(run)
        carried = 0
        for name, body in read_chunks(source, _complete(source)):
            lines = body.splitlines()
            keys = [key_of(line) for line in lines]
            kept = [position for position, key in enumerate(keys) if keeps(*key)]
            carried += len(kept)
            if len(kept) == len(lines) and all(object_id in self._labels for object_id, _ in keys):
                self._share(source / name, body, [frame_index for _, frame_index in keys])
                continue
            for position in kept:
                self._add(*keys[position], lines[position])
        return carried

    def flush(self) -> None:
        """Make everything appended so far visible to `partial`. Raises ServiceUnavailable if the disk is full."""
        self._write_chunk()
        self._show()

    def _show(self) -> None:
        if not self._is_shown:
            self._write_later(HEADER, self._header)
            self._is_shown = True

    def _write_later(self, name: str, body: bytes) -> None:
        """Readers see it at once; it has to be on the disk only when a manifest or a snapshot counts on it."""
        write_file(self._folder / name, body, synced=False)
        self._unsynced.append(name)

    def _sync(self) -> None:
        sync_files(self._folder / name for name in self._unsynced)
        self._unsynced = []

    def _share(self, chunk: Path, body: bytes, frames: Sequence[int]) -> None:
        """Take over a whole chunk of another run: chunks are never written again, and a sync each would cost most."""
        self._write_chunk()
        name = chunk_name(len(self._hashes), min(frames), max(frames))
        with disk_errors():
            try:
                share_file(chunk, self._folder / name)
            except FileNotFoundError:
                raise IntegrityError(f"run {chunk.parent.name!r} went away while it was read") from None
        self._hashes[name] = sha256(body).hexdigest()

    def _write_chunk(self) -> None:
        if not self._lines:
            return
        body = b"".join(line + b"\n" for line in self._lines)
        name = chunk_name(len(self._hashes), min(self._frames), max(self._frames))
        self._write_later(name, body)
        self._hashes[name] = sha256(body).hexdigest()
        self._lines, self._frames = [], []

    def snapshot(self, state: bytes) -> None:
        """Flush, and note that the run can be gone on with from here, given this state."""
        self.flush()
        self._sync()
        write_snapshot(self._folder, self._hashes, state)
        self.is_resumable = True

    def resume(self, folder: Path) -> None:
        """Take over what another run had at its snapshot, and its snapshot. Raises NotFound, IntegrityError."""
        noted = read_snapshot(folder)
        if noted is None:
            raise NotFound(f"run {folder.name!r} has no snapshot")
        hashes, state = noted
        share_chunks(folder, self._folder, hashes)
        self._hashes = dict(hashes)
        self.snapshot(state)

    def commit(self, *, durable: bool = True) -> None:
        """Make the run complete; its snapshot is of no more use. durable: see the MaskWriter port."""
        self.flush()
        if durable:
            self._sync()
        write_file(self._folder / MANIFEST, json.dumps(self._hashes).encode(), synced=durable)
        self.is_complete = True
        (self._folder / SNAPSHOT).unlink(missing_ok=True)

    def _add(self, object_id: ObjectId, frame_index: int, line: bytes) -> None:
        if self.is_complete:
            raise ValueError(f"run {self.run!r} is committed; nothing can be added to it")
        if object_id not in self._labels:
            raise ValueError(f"run {self.run!r} has no object {object_id!r}; its objects are {list(self._labels)}")
        self._lines.append(line)
        self._frames.append(frame_index)
        if len(self._lines) == CHUNK_RECORDS:
            self._write_chunk()


class FileMaskStore:
    """MaskStore in a folder. Any number of readers; one writer a run (attempts have runs of their own)."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def writer(
        self,
        run: str,
        *,
        video: VideoInfo,
        labels: Mapping[ObjectId, str],
        resume: str | None = None,
        shown: bool = True,
    ) -> Iterator[FileMaskWriter]:
        """Opens a run and writes its header; leaving without commit removes what was written, unless it has a snapshot.

        shown: False keeps the run from readers until its first flush or snapshot.
        resume: the run whose masks up to its snapshot this one begins with. Raises ValueError if the run was
        committed before, ServiceUnavailable if the disk is full, and with resume NotFound or IntegrityError.
        """
        folder = self._folder(run)
        if (folder / MANIFEST).exists():
            raise ValueError(f"run {run!r} is committed already; a run is written once")
        shutil.rmtree(folder, ignore_errors=True)  # of a writer that was killed
        opened: FileMaskWriter | None = None
        try:
            with disk_errors():
                folder.mkdir(parents=True)
            opened = FileMaskWriter(folder, video, labels, shown=shown)
            if resume is not None:
                opened.resume(self._folder(resume))
            yield opened
        finally:
            if opened is None or not (opened.is_complete or opened.is_resumable):
                shutil.rmtree(folder, ignore_errors=True)

    def read(self, run: str, frames: FrameRange | None = None) -> MaskRun:
        """Raises NotFound if the run was never committed, IntegrityError if a chunk is damaged."""
        kept = self.partial(run, frames)
        if kept is None or not kept.complete:
            raise NotFound(f"no masks are stored under {run!r}")
        return kept

    def partial(self, run: str, frames: FrameRange | None = None) -> MaskRun | None:
        """What an open (or committed) run has flushed so far; None if it has no header yet.

        frames: only what lies on these; other chunks are not opened. Raises IntegrityError if a chunk is damaged.
        """
        folder = self._folder(run)
        try:
            hashes = read_manifest(folder)
            header = (folder / HEADER).read_bytes()
        except FileNotFoundError:
            return None
        video, labels = load_header(run, header)
        found: dict[ObjectId, dict[int, MaskletFrame]] = {object_id: {} for object_id in labels}
        for object_id, frame in _records(folder, hashes, frames):
            found[object_id][frame.frame_index] = frame
        masklets = tuple(
            Masklet(object_id, labels[object_id], tuple(frame for _, frame in sorted(kept.items())))
            for object_id, kept in found.items()
        )
        return MaskRun(video, masklets, complete=hashes is not None)

    def records(self, run: str, start: int = 0) -> Iterator[tuple[ObjectId, MaskletFrame]]:
        """What a run has flushed so far, in the order it was appended, from that record on. Raises IntegrityError."""
        folder = self._folder(run)
        for line in itertools.islice(read_lines(folder, read_manifest(folder)), start, None):
            yield load_frame(line)

    def coverage(self, run: str) -> tuple[VideoInfo, dict[ObjectId, tuple[FrameRange, ...]]]:
        """The video of a complete run, and the frames that each object has a mask on. Reads all of it, keeps little.

        Raises NotFound, or IntegrityError if a chunk is damaged.
        """
        folder = self._folder(run)
        lines = read_lines(folder, _complete(folder))
        video, labels = load_header(run, (folder / HEADER).read_bytes())
        seen = {object_id: bytearray(video.frame_count) for object_id in labels}
        for line in lines:
            object_id, frame_index = key_of(line)
            seen[object_id][frame_index] = 1
        return video, {
            object_id: ranges_of(index for index, there in enumerate(marks) if there)
            for object_id, marks in seen.items()
        }

    def snapshot(self, run: str) -> bytes | None:
        """The state that an unfinished run's last snapshot has; None if there is none. Raises IntegrityError."""
        folder = self._folder(run)
        noted = None if (folder / MANIFEST).exists() else read_snapshot(folder)
        return None if noted is None else noted[1]

    def runs(self, prefix: str = "") -> tuple[str, ...]:
        """The names of all runs, finished or not, that begin like this."""
        return tuple(sorted(path.name for path in self._root.glob(f"{prefix}*"))) if self._root.is_dir() else ()

    def idle_runs(self, before_s: float) -> tuple[str, ...]:
        """The names of the runs that nobody wrote to since then (wall clock)."""
        now_s = time.time()
        return tuple(run for run in self.runs() if silence_s(self._root / run) > now_s - before_s)

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
            if not (folder / MANIFEST).exists() and silence_s(folder) > older_than_s:
                shutil.rmtree(folder, ignore_errors=True)
                swept.append(folder.name)
        if swept:
            logger.info("removed %d unfinished runs of masks", len(swept))
        return tuple(swept)

    def _folder(self, run: str) -> Path:
        if not re.fullmatch(r"[a-z0-9-]{1,100}", run):
            raise NotFound(f"{run[:100]!r} is not the name of a run of masks")
        return self._root / run


def _complete(folder: Path) -> Hashes:
    """The chunks of a complete run. Raises NotFound if it is not complete, IntegrityError."""
    hashes = read_manifest(folder)
    if hashes is None:
        raise NotFound(f"no masks are stored under {folder.name!r}")
    return hashes


def _records(folder: Path, hashes: Hashes | None, frames: FrameRange | None) -> Iterator[tuple[ObjectId, MaskletFrame]]:
    for line in read_lines(folder, hashes, frames):
        if frames is None or key_of(line)[1] in frames:
            yield load_frame(line)
