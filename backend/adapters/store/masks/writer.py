"""Writing one run of masks: chunks, snapshots, the commit."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from backend.adapters.store.masks.codec import dump_frame, dump_header, key_of
from backend.adapters.store.masks.files import (
    MANIFEST,
    SNAPSHOT,
    chunk_name,
    chunk_name_of,
    complete_contents_of,
    header_name,
    read_chunks,
    read_hashed,
    read_snapshot,
    write_snapshot,
    writer_name,
)
from backend.adapters.store.objects.objects import Objects
from backend.application.ports.masks import RunExists
from backend.domain.errors import NotFound, ServiceUnavailable
from backend.domain.masklets import MaskletFrame
from backend.domain.prompts import ObjectId
from backend.domain.video import FrameIndex, VideoInfo

logger = logging.getLogger(__name__)

CHUNK_RECORDS = 64


class ObjectMaskWriter:
    """Writes one run; made by ObjectMaskStore.writer."""

    def __init__(
        self,
        objects: Objects,
        run: str,
        video: VideoInfo,
        labels: Mapping[ObjectId, str],
        *,
        shown: bool = True,
        leftovers: Sequence[str] = (),
    ) -> None:
        """leftovers: names of objects of earlier writers of the run, which are removed once it is committed."""
        self._objects = objects
        self._run = run
        self._writer = writer_name() if objects.is_shared else ""
        self._leftovers = tuple(leftovers)
        self._labels = dict(labels)
        self._header = dump_header(video, self._labels).encode()
        self._is_shown = False
        self._lines: list[bytes] = []
        self._frames: list[int] = []
        self._hashes: dict[str, str] = {}
        self._uploads = objects.uploads()
        self.is_complete = False
        self.is_resumable = False
        if shown:
            self._show()

    @property
    def run(self) -> str:
        return self._run

    def append(self, object_id: ObjectId, frame: MaskletFrame) -> None:
        """Add one object's mask on one frame. Raises ValueError after commit or for an object without a label."""
        self._add(object_id, frame.frame_index, dump_frame(object_id, frame).encode())

    def copy_run(self, run: str, keeps: Callable[[ObjectId, FrameIndex], bool]) -> int:
        """Add an earlier complete run's masks, as they are, of the objects and frames that `keeps` agrees to.

        Returns how many. Raises NotFound, IntegrityError if that run is gone or damaged.
        """
        carried = 0
        contents = complete_contents_of(self._objects, run)
        for name, body in read_chunks(self._objects, contents, contents.chunks):
            lines = body.splitlines()
            keys = [key_of(line) for line in lines]
            kept = [position for position, key in enumerate(keys) if keeps(*key)]
            carried += len(kept)
            if len(kept) == len(lines) and all(object_id in self._labels for object_id, _ in keys):
                self._write_chunk()
                self._copy(f"{run}/{name}", self._next_name([frame_index for _, frame_index in keys]), body)
                continue
            for position in kept:
                self._add(*keys[position], lines[position])
        return carried

    def flush(self, *, awaited: bool = True) -> None:
        """Make everything appended so far visible to `partial`. Raises ServiceUnavailable if the disk is full."""
        self._write_chunk()
        self._show()
        if awaited:
            self._uploads.shown()

    def _show(self) -> None:
        if not self._is_shown:
            self._uploads.put(self._key(header_name(self._writer)), self._header)
            self._is_shown = True

    def _write_chunk(self) -> None:
        if not self._lines:
            return
        body = b"".join(line + b"\n" for line in self._lines)
        name = self._next_name(self._frames)
        self._uploads.put(self._key(name), body)
        self._hashes[name] = sha256(body).hexdigest()
        self._lines, self._frames = [], []

    def _copy(self, source: str, name: str, body: bytes) -> None:
        """Take over a whole chunk of another run. body: its content."""
        self._uploads.copy(source, self._key(name))
        self._hashes[name] = sha256(body).hexdigest()

    def snapshot(self, state: bytes) -> None:
        """Flush, and note that the run can be gone on with from here, given this state."""
        self.flush()
        self._uploads.settled()
        write_snapshot(self._objects, self._run, self._hashes, state)
        self.is_resumable = True

    def resume(self, run: str) -> None:
        """Take over what another run had at its snapshot, and its snapshot. Raises NotFound, IntegrityError."""
        noted = read_snapshot(self._objects, run)
        if noted is None:
            raise NotFound(f"run {run!r} has no snapshot")
        hashes, state = noted
        for name, body in read_hashed(self._objects, run, hashes):
            self._copy(f"{run}/{name}", chunk_name_of(self._writer, name), body)
        self.snapshot(state)

    def commit(self, *, durable: bool = True) -> None:
        """Make the run complete; its snapshot is of no more use. durable: see the MaskWriter port.

        Raises RunExists if another writer has committed the run: that one's masks stay.
        """
        self.flush()
        if durable:
            self._uploads.settled()
        listed = self._hashes
        if self._writer:
            listed = {**listed, header_name(self._writer): sha256(self._header).hexdigest()}
        if not self._objects.put_if_absent(self._key(MANIFEST), json.dumps(listed).encode(), synced=durable):
            raise RunExists(self._run)
        self.is_complete = True
        self._tidy([*self._leftovers, *([SNAPSHOT] if self.is_resumable else [])])

    def close(self) -> None:
        """Removes what was written, unless the run is complete or can be resumed. Raises nothing."""
        self._uploads.close()
        if self.is_complete or self.is_resumable:
            return
        if self._writer:
            self._tidy([header_name(self._writer), *self._hashes])
        else:
            self._objects.remove(self._run, first=MANIFEST)

    def _tidy(self, names: Sequence[str]) -> None:
        """Removes objects that nobody reads; the sweep and the run's removal find what is left."""
        try:
            self._objects.delete([self._key(name) for name in names])
        except ServiceUnavailable as error:
            logger.warning("leftovers of run %s stay: %s", self._run, error)

    def _key(self, name: str) -> str:
        return f"{self._run}/{name}"

    def _next_name(self, frames: Sequence[int]) -> str:
        return chunk_name(len(self._hashes), min(frames), max(frames), self._writer)

    def _add(self, object_id: ObjectId, frame_index: int, line: bytes) -> None:
        if self.is_complete:
            raise ValueError(f"run {self.run!r} is committed; nothing can be added to it")
        if object_id not in self._labels:
            raise ValueError(f"run {self.run!r} has no object {object_id!r}; its objects are {list(self._labels)}")
        self._lines.append(line)
        self._frames.append(frame_index)
        if len(self._lines) == CHUNK_RECORDS:
            self._write_chunk()
