"""A mask store in memory that shows and hides runs as the one on disk does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from backend.domain.errors import IntegrityError, NotFound
from backend.domain.masklets import Masklet, MaskletFrame, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.replan import ranges_of
from backend.domain.video import FrameIndex, FrameRange, VideoInfo

CHUNK_RECORDS = 64


class FakeMaskWriter:
    """One open run; records become visible to `partial` when a chunk is full, and on `flush`."""

    def __init__(self, run: str, video: VideoInfo, labels: Mapping[ObjectId, str], store: FakeMaskStore) -> None:
        self._run = run
        self._store = store
        self._video = video
        self._labels = dict(labels)
        self._pending: list[tuple[ObjectId, MaskletFrame]] = []
        self.flushed: list[tuple[ObjectId, MaskletFrame]] = []
        self.complete = False
        self.shown = True
        self.noted: tuple[int, bytes] | None = None

    @property
    def run(self) -> str:
        return self._run

    def append(self, object_id: ObjectId, frame: MaskletFrame) -> None:
        if self.complete:
            raise ValueError(f"run {self._run!r} is committed; nothing can be added to it")
        if object_id not in self._labels:
            raise ValueError(f"run {self._run!r} has no object {object_id!r}; its objects are {list(self._labels)}")
        self._pending.append((object_id, frame))
        if len(self._pending) == CHUNK_RECORDS:
            self._write_chunk()

    def flush(self) -> None:
        self.shown = True
        self._write_chunk()

    def _write_chunk(self) -> None:
        self.flushed += self._pending
        self._pending = []

    def carry(self, run: str, keeps: Callable[[ObjectId, FrameIndex], bool]) -> int:
        carried = 0
        for masklet in self._store.read(run).masklets:
            for frame in masklet.frames:
                if keeps(masklet.object_id, frame.frame_index):
                    self.append(masklet.object_id, frame)
                    carried += 1
        return carried

    def snapshot(self, state: bytes) -> None:
        self.flush()
        self.noted = (len(self.flushed), state)

    def resume(self, other: FakeMaskWriter | None) -> None:
        if other is None or other.noted is None:
            raise NotFound("that run has no snapshot")
        count, state = other.noted
        self.flushed = other.flushed[:count]
        self.snapshot(state)

    def commit(self, *, durable: bool = True) -> None:
        self.flush()
        self.complete = True

    def as_run(self, within: FrameRange | None = None) -> MaskRun:
        frames: dict[ObjectId, dict[int, MaskletFrame]] = {object_id: {} for object_id in self._labels}
        for object_id, frame in self.flushed:
            if within is None or frame.frame_index in within:
                frames[object_id][frame.frame_index] = frame
        masklets = tuple(
            Masklet(object_id, self._labels[object_id], tuple(frame for _, frame in sorted(kept.items())))
            for object_id, kept in frames.items()
        )
        return MaskRun(self._video, masklets, self.complete)


class FakeMaskStore:
    """MaskStore; `damage` makes a run's next reads fail as a flipped bit would."""

    def __init__(self) -> None:
        self._runs: dict[str, FakeMaskWriter] = {}
        self._damaged: set[str] = set()
        self.written_s: dict[str, float] = {}

    @contextmanager
    def writer(
        self,
        run: str,
        *,
        video: VideoInfo,
        labels: Mapping[ObjectId, str],
        resume: str | None = None,
        shown: bool = True,
    ) -> Iterator[FakeMaskWriter]:
        self._require_name(run)
        existing = self._runs.get(run)
        if existing is not None and existing.complete:
            raise ValueError(f"run {run!r} is committed already; a run is written once")
        opened = self._runs[run] = FakeMaskWriter(run, video, labels, self)
        opened.shown = shown
        try:
            if resume is not None:
                self._require_whole(resume)
                opened.resume(self._runs.get(resume))
            yield opened
        finally:
            if not opened.complete and opened.noted is None:
                self._runs.pop(run, None)

    def read(self, run: str, frames: FrameRange | None = None) -> MaskRun:
        kept = self.partial(run, frames)
        if kept is None or not kept.complete:
            raise NotFound(f"no masks are stored under {run!r}")
        return kept

    def partial(self, run: str, frames: FrameRange | None = None) -> MaskRun | None:
        self._require_name(run)
        self._require_whole(run)
        writer = self._runs.get(run)
        return None if writer is None or not writer.shown else writer.as_run(frames)

    def records(self, run: str, start: int = 0) -> Iterator[tuple[ObjectId, MaskletFrame]]:
        self._require_whole(run)
        if run in self._runs:
            yield from self._runs[run].flushed[start:]

    def coverage(self, run: str) -> tuple[VideoInfo, dict[ObjectId, tuple[FrameRange, ...]]]:
        kept = self.read(run)
        return kept.video, {m.object_id: ranges_of(frame.frame_index for frame in m.frames) for m in kept.masklets}

    def snapshot(self, run: str) -> bytes | None:
        self._require_name(run)
        self._require_whole(run)
        writer = self._runs.get(run)
        return None if writer is None or writer.complete or writer.noted is None else writer.noted[1]

    def runs(self, prefix: str = "") -> tuple[str, ...]:
        return tuple(sorted(run for run in self._runs if run.startswith(prefix)))

    def idle_runs(self, before_s: float) -> tuple[str, ...]:
        return tuple(run for run in self.runs() if self.written_s.get(run, 0.0) < before_s)

    def remove(self, run: str) -> None:
        self._require_name(run)
        self._runs.pop(run, None)

    def damage(self, run: str) -> None:
        self._damaged.add(run)

    def overwrite_snapshot(self, run: str, state: bytes) -> None:
        count, _ = self._runs[run].noted or (0, b"")
        self._runs[run].noted = (count, state)

    def _require_whole(self, run: str) -> None:
        if run in self._damaged:
            raise IntegrityError(f"the masks of run {run!r} are damaged; run the job again")

    @staticmethod
    def _require_name(run: str) -> None:
        if not re.fullmatch(r"[a-z0-9-]{1,100}", run):
            raise NotFound(f"{run[:100]!r} is not the name of a run of masks")
