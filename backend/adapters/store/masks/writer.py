"""Writing one run of masks: chunks, snapshots, the commit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from backend.adapters.store.masks.codec import dump_frame, dump_header, key_of
from backend.adapters.store.masks.files import (
    HEADER,
    MANIFEST,
    SNAPSHOT,
    chunk_name,
    disk_errors,
    read_chunks,
    read_snapshot,
    require_complete,
    share_chunks,
    share_file,
    sync_files,
    write_file,
    write_snapshot,
)
from backend.domain.errors import IntegrityError, NotFound
from backend.domain.masklets import MaskletFrame
from backend.domain.prompts import ObjectId
from backend.domain.video import FrameIndex, VideoInfo

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

    def copy_run(self, run: str, keeps: Callable[[ObjectId, FrameIndex], bool]) -> int:
        """Add an earlier complete run's masks, as they are, of the objects and frames that `keeps` agrees to.

        Returns how many. Raises NotFound, IntegrityError if that run is gone or damaged.
        """
        source = self._folder.with_name(run)
        carried = 0
        for name, body in read_chunks(source, require_complete(source)):
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
