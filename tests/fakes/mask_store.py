"""A mask store in memory that shows and hides runs as the one on disk does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from backend.domain.errors import IntegrityError, NotFound
from backend.domain.masklets import Masklet, MaskletFrame, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.video import VideoInfo

CHUNK_RECORDS = 64


class FakeMaskWriter:
    """One open run; records become visible to `partial` when a chunk is full, and on `flush`."""

    def __init__(self, run: str, video: VideoInfo, labels: Mapping[ObjectId, str]) -> None:
        self._run = run
        self._video = video
        self._labels = dict(labels)
        self._pending: list[tuple[ObjectId, MaskletFrame]] = []
        self._flushed: list[tuple[ObjectId, MaskletFrame]] = []
        self.complete = False

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
            self.flush()

    def flush(self) -> None:
        self._flushed += self._pending
        self._pending = []

    def commit(self) -> None:
        self.flush()
        self.complete = True

    def as_run(self) -> MaskRun:
        frames: dict[ObjectId, dict[int, MaskletFrame]] = {object_id: {} for object_id in self._labels}
        for object_id, frame in self._flushed:
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

    @contextmanager
    def writer(self, run: str, *, video: VideoInfo, labels: Mapping[ObjectId, str]) -> Iterator[FakeMaskWriter]:
        self._require_name(run)
        existing = self._runs.get(run)
        if existing is not None and existing.complete:
            raise ValueError(f"run {run!r} is committed already; a run is written once")
        opened = self._runs[run] = FakeMaskWriter(run, video, labels)
        try:
            yield opened
        finally:
            if not opened.complete:
                self._runs.pop(run, None)

    def read(self, run: str) -> MaskRun:
        kept = self.partial(run)
        if kept is None or not kept.complete:
            raise NotFound(f"no masks are stored under {run!r}")
        return kept

    def partial(self, run: str) -> MaskRun | None:
        self._require_name(run)
        if run in self._damaged:
            raise IntegrityError(f"the masks of run {run!r} are damaged; run the job again")
        writer = self._runs.get(run)
        return None if writer is None else writer.as_run()

    def remove(self, run: str) -> None:
        self._require_name(run)
        self._runs.pop(run, None)

    def damage(self, run: str) -> None:
        self._damaged.add(run)

    @staticmethod
    def _require_name(run: str) -> None:
        if not re.fullmatch(r"[a-z0-9-]{1,100}", run):
            raise NotFound(f"{run[:100]!r} is not the name of a run of masks")
