"""Stored masks: a folder of objects a run, its frames in chunks of JSON lines (the objects: files.py).

The manifest, written last, makes a run complete: a crash at any point leaves a run that reads as unfinished. One that
has a snapshot is there for the job's next attempt; what nobody takes up, `sweep` removes.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from backend.adapters.store.masks.codec import key_of, load_frame, load_header
from backend.adapters.store.masks.files import (
    MANIFEST,
    Contents,
    complete_contents_of,
    contents_of,
    read_chunks,
    read_header,
    read_lines,
    read_snapshot,
)
from backend.adapters.store.masks.writer import ObjectMaskWriter
from backend.adapters.store.objects.files import FileObjects
from backend.adapters.store.objects.objects import Objects
from backend.application.ports.masks import RunExists
from backend.domain.errors import NotFound, ServiceUnavailable
from backend.domain.masklets import Masklet, MaskletFrame, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.replan import ranges_of
from backend.domain.video import FrameRange, VideoInfo

logger = logging.getLogger(__name__)

COUNTS_KEPT = 50_000


class ObjectMaskStore:
    """MaskStore of objects. Any number of readers; of several writers of a run, the first to commit makes it."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self._line_counts: dict[tuple[str, str], int] = {}

    @contextmanager
    def writer(
        self,
        run: str,
        *,
        video: VideoInfo,
        labels: Mapping[ObjectId, str],
        resume: str | None = None,
        shown: bool = True,
    ) -> Iterator[ObjectMaskWriter]:
        """Opens a run and writes its header; leaving without commit removes what was written, unless it has a snapshot.

        shown: False keeps the run from readers until its first flush or snapshot.
        resume: the run whose masks up to its snapshot this one begins with. Raises RunExists if the run was
        committed before, ServiceUnavailable if the disk is full, and with resume NotFound or IntegrityError.
        """
        names = self.objects.names(_checked(run))
        if MANIFEST in names:
            raise RunExists(run)
        if not self.objects.is_shared:
            self.objects.remove(run, first=MANIFEST)  # of a writer that was killed
            names = ()
        opened: ObjectMaskWriter | None = None
        try:
            self.objects.open(run)
            opened = ObjectMaskWriter(self.objects, run, video, labels, shown=shown, leftovers=names)
            if resume is not None:
                opened.resume(_checked(resume))
            yield opened
        finally:
            if opened is not None:
                opened.close()
            elif not self.objects.is_shared:
                self.objects.remove(run, first=MANIFEST)

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
        contents = contents_of(self.objects, _checked(run))
        header = None if contents is None else read_header(self.objects, contents)
        if contents is None or header is None:
            return None
        video, labels = load_header(run, header)
        found: dict[ObjectId, dict[int, MaskletFrame]] = {object_id: {} for object_id in labels}
        for object_id, frame in self._frames(contents, frames):
            found[object_id][frame.frame_index] = frame
        masklets = tuple(
            Masklet(object_id, labels[object_id], tuple(frame for _, frame in sorted(kept.items())))
            for object_id, kept in found.items()
        )
        return MaskRun(video, masklets, complete=contents.hashes is not None)

    def _frames(self, contents: Contents, frames: FrameRange | None) -> Iterator[tuple[ObjectId, MaskletFrame]]:
        for line in read_lines(self.objects, contents, frames):
            if frames is None or key_of(line)[1] in frames:
                yield load_frame(line)

    def records(self, run: str, start: int = 0) -> Iterator[tuple[ObjectId, MaskletFrame]]:
        """What a run has flushed so far, in the order it was appended, from that record on. Raises IntegrityError."""
        contents = contents_of(self.objects, _checked(run))
        if contents is None:
            return
        left, names = start, list(contents.chunks)  # left: of the records to pass over
        while names and self._line_counts.get((run, names[0]), left + 1) <= left:
            left -= self._line_counts[run, names.pop(0)]
        for name, body in read_chunks(self.objects, contents, names):
            lines = body.splitlines()
            self._count_lines(run, name, len(lines))
            passed, left = lines[left:], max(left - len(lines), 0)
            for line in passed:
                yield load_frame(line)

    def _count_lines(self, run: str, name: str, count: int) -> None:
        """Remembers how many records a chunk has, so that a read from a later record does not open it."""
        if len(self._line_counts) >= COUNTS_KEPT:
            self._line_counts.clear()
        self._line_counts[run, name] = count

    def coverage(self, run: str) -> tuple[VideoInfo, dict[ObjectId, tuple[FrameRange, ...]]]:
        """The video of a complete run, and the frames that each object has a mask on. Reads all of it, keeps little.

        Raises NotFound, or IntegrityError if a chunk is damaged.
        """
        contents = complete_contents_of(self.objects, _checked(run))
        header = read_header(self.objects, contents)
        if header is None:
            raise NotFound(f"no masks are stored under {run!r}")
        video, labels = load_header(run, header)
        seen = {object_id: bytearray(video.frame_count) for object_id in labels}
        for line in read_lines(self.objects, contents):
            object_id, frame_index = key_of(line)
            seen[object_id][frame_index] = 1
        return video, {
            object_id: ranges_of(index for index, there in enumerate(marks) if there)
            for object_id, marks in seen.items()
        }

    def snapshot(self, run: str) -> bytes | None:
        """The state that an unfinished run's last snapshot has; None if there is none. Raises IntegrityError."""
        if self.objects.get(f"{_checked(run)}/{MANIFEST}") is not None:
            return None
        noted = read_snapshot(self.objects, run)
        return None if noted is None else noted[1]

    def runs(self, prefix: str = "") -> tuple[str, ...]:
        """The names of all runs, finished or not, that begin like this."""
        return tuple(name for name in self.objects.folders() if name.startswith(prefix))

    def idle_runs(self, before_s: float) -> tuple[str, ...]:
        """The names of the runs that nobody wrote to since then (wall clock)."""
        return tuple(change.folder for change in self.objects.changes(MANIFEST) if change.changed_s < before_s)

    def remove(self, run: str) -> None:
        """Forget a run; one that is not there is fine. Its manifest goes first, so that no reader sees half of it.

        One that cannot be removed now is logged and stays: sweep and retention come back to it.
        """
        try:
            self.objects.remove(_checked(run), first=MANIFEST)
        except ServiceUnavailable as error:
            logger.warning("run %s is not removed now: %s", run, error)

    def sweep(self, older_than_s: float) -> tuple[str, ...]:
        """Remove what killed writers left: unfinished runs that nobody wrote to for so long. Returns their names.

        older_than_s: seconds; must exceed the longest pause between two flushes of a living writer.
        """
        before_s = time.time() - older_than_s
        swept: list[str] = []
        try:
            for each in tuple(self.objects.changes(MANIFEST)):
                if not each.is_marked and each.changed_s < before_s:
                    self.objects.remove(each.folder, first=MANIFEST)
                    swept.append(each.folder)
        except ServiceUnavailable as error:
            logger.warning("unfinished runs stay until the next sweep: %s", error)
        if swept:
            logger.info("removed %d unfinished runs of masks", len(swept))
        return tuple(swept)


class FileMaskStore(ObjectMaskStore):
    """MaskStore in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root
        super().__init__(FileObjects(root))


def _checked(run: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,100}", run):
        raise NotFound(f"{run[:100]!r} is not the name of a run of masks")
    return run
