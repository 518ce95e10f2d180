"""The mask store and the mask codec, as protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from backend.domain.geometry import BoolMask
from backend.domain.masklets import EncodedMask, MaskletFrame, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.video import FrameIndex, FrameRange, VideoInfo


class RunExists(ValueError):
    """The run is complete already: its masks stay, and another writer's are not taken."""

    def __init__(self, run: str) -> None:
        super().__init__(f"run {run!r} is committed already; a run is written once")


class MaskWriter(Protocol):
    """Writes one attempt's masks. Readers see it as a partial run until commit."""

    @property
    def run(self) -> str: ...

    def append(self, object_id: ObjectId, frame: MaskletFrame) -> None: ...

    def copy_run(self, run: str, keeps: Callable[[ObjectId, FrameIndex], bool]) -> int:
        """Copies masks of an earlier complete run, bit for bit: of the objects and frames for which `keeps` is true.

        Returns their count. Raises NotFound, IntegrityError if that run is gone or damaged.
        """
        ...

    def flush(self, *, awaited: bool = True) -> None:
        """Makes everything appended so far visible to `partial`.

        awaited False: soon after; does not wait for a store on the network.
        """
        ...

    def snapshot(self, state: bytes) -> None:
        """Flushes, and stores the state to resume the run from here, atomically."""
        ...

    def commit(self, *, durable: bool = True) -> None:
        """Completes the run. Raises RunExists if another writer did.

        durable False: does not wait for the disk, for masks that are quick to make again.
        Such a run survives the end of any process; after a power cut it may be gone or read as damaged.
        """
        ...


class MaskStore(Protocol):
    """Stored runs. A run holds one attempt's masks, as COCO RLE, in chunks written by rename."""

    def writer(
        self,
        run: str,
        *,
        video: VideoInfo,
        labels: Mapping[ObjectId, str],
        resume: str | None = None,
        shown: bool = True,
    ) -> AbstractContextManager[MaskWriter]:
        """Opens a run and writes its header. Leaving without commit removes the run, unless it has a snapshot: then it
        is kept for the job's next attempt, and removed when the job ends.

        Raises RunExists if the run is complete.

        shown: False hides the run from readers until its first flush or snapshot; until then they read an older run.
        resume: a run whose masks at its snapshot are reused. Raises NotFound if it has no snapshot, IntegrityError
        if it is damaged.
        """
        ...

    def read(self, run: str, frames: FrameRange | None = None) -> MaskRun:
        """A complete run. frames: only masks on these are read; None: all.

        Raises NotFound if the run was never committed, IntegrityError if a chunk is damaged.
        """
        ...

    def partial(self, run: str, frames: FrameRange | None = None) -> MaskRun | None:
        """The flushed masks of a run, committed or not; None if it has no header yet.

        frames: only masks on these are read; None: all.
        """
        ...

    def records(self, run: str, start: int = 0) -> Iterator[tuple[ObjectId, MaskletFrame]]:
        """The flushed masks of a run in the order of appending, from record `start` on. Raises IntegrityError."""
        ...

    def coverage(self, run: str) -> tuple[VideoInfo, Mapping[ObjectId, tuple[FrameRange, ...]]]:
        """The video of a complete run, and the ranges of frames with a mask, per object.

        Raises NotFound, IntegrityError.
        """
        ...

    def snapshot(self, run: str) -> bytes | None:
        """The state of an unfinished run's last snapshot; None if there is none. Raises IntegrityError."""
        ...

    def runs(self, prefix: str = "") -> tuple[str, ...]:
        """The names of all runs with this prefix, complete or not."""
        ...

    def idle_runs(self, before_s: float) -> tuple[str, ...]:
        """The names of the runs without a write since before_s (wall clock)."""
        ...

    def remove(self, run: str) -> None: ...


class MaskCodec(Protocol):
    """Encodes and decodes masks as COCO RLE."""

    def encode(self, mask: BoolMask) -> EncodedMask:
        """mask: [H, W] bool."""
        ...

    def decode(self, encoded: EncodedMask) -> BoolMask:
        """[H, W] bool. Raises PromptError if the counts do not fit the shape."""
        ...
