"""Masks on disk: a folder a run, its frames in chunks of JSON lines (the files: run_files).

The manifest, written last, makes a run complete: a crash at any point leaves a run that reads as unfinished. One that
has a snapshot is there for the job's next attempt; what nobody takes up, `sweep` removes.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from backend.adapters.store.masks.codec import key_of, load_frame, load_header
from backend.adapters.store.masks.files import (
    HEADER,
    MANIFEST,
    Hashes,
    disk_errors,
    read_chunks,
    read_lines,
    read_manifest,
    read_snapshot,
    require_complete,
    silence_s,
)
from backend.adapters.store.masks.writer import FileMaskWriter
from backend.domain.errors import NotFound
from backend.domain.masklets import Masklet, MaskletFrame, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.replan import ranges_of
from backend.domain.video import FrameRange, VideoInfo

logger = logging.getLogger(__name__)

COUNTS_KEPT = 50_000


class FileMaskStore:
    """MaskStore in a folder. Any number of readers; one writer a run (attempts have runs of their own)."""

    def __init__(self, root: Path) -> None:
        self._root = root
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
        left = start  # of the records to pass over

        def skips(name: str) -> bool:
            nonlocal left
            count = self._line_counts.get((run, name), left + 1)
            if count > left:
                return False
            left -= count
            return True

        for name, body in read_chunks(folder, read_manifest(folder), skips=skips):
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
        folder = self._folder(run)
        lines = read_lines(folder, require_complete(folder))
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


def _records(folder: Path, hashes: Hashes | None, frames: FrameRange | None) -> Iterator[tuple[ObjectId, MaskletFrame]]:
    for line in read_lines(folder, hashes, frames):
        if frames is None or key_of(line)[1] in frames:
            yield load_frame(line)
