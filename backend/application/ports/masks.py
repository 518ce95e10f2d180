"""Where masks are kept and how one is packed, as protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from backend.domain.geometry import BoolMask
from backend.domain.masklets import EncodedMask, MaskletFrame, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.video import FrameIndex, FrameRange, VideoInfo


class MaskWriter(Protocol):
    """Writes one attempt's masks. Readers see it as a partial run until commit."""

    @property
    def run(self) -> str: ...

    def append(self, object_id: ObjectId, frame: MaskletFrame) -> None: ...

    def carry(self, run: str, keeps: Callable[[ObjectId, FrameIndex], bool]) -> int:
        """Add an earlier complete run's masks, bit for bit, of the objects and frames that `keeps` agrees to.

        Returns how many. Raises NotFound, IntegrityError if that run is gone or damaged.
        """
        ...

    def flush(self) -> None:
        """Make everything appended so far visible to `partial`."""
        ...

    def snapshot(self, state: bytes) -> None:
        """Flush, and note that the run can be gone on with from here, given this state: all of it or nothing."""
        ...

    def commit(self, *, durable: bool = True) -> None:
        """Make the run complete. Not durable: without waiting for the disk, for what can be made again in a moment.

        Such a run survives the end of any process; after a power cut it may be gone or read as damaged.
        """
        ...


class MaskStore(Protocol):
    """Masklets on disk as COCO RLE in chunks written by rename; a run holds one attempt's masks."""

    def writer(
        self,
        run: str,
        *,
        video: VideoInfo,
        labels: Mapping[ObjectId, str],
        resume: str | None = None,
        shown: bool = True,
    ) -> AbstractContextManager[MaskWriter]:
        """Opens a run and writes its header. Leaving without commit removes what was written, unless a snapshot was
        taken: then it stays for the job's next attempt, and whoever ends the job removes it.

        shown: False keeps the run from readers until its first flush or snapshot: until then an older one serves.
        resume: begin with what that run had at its snapshot. Raises NotFound if it has none, IntegrityError if it
        is damaged.
        """
        ...

    def read(self, run: str, frames: FrameRange | None = None) -> MaskRun:
        """frames: only what lies on these, at the cost of these.

        Raises NotFound if the run was never committed, IntegrityError if a chunk is damaged.
        """
        ...

    def partial(self, run: str, frames: FrameRange | None = None) -> MaskRun | None:
        """What an open (or committed) run has flushed so far; None if it has no header yet.

        frames: only what lies on these, at the cost of these.
        """
        ...

    def records(self, run: str, start: int = 0) -> Iterator[tuple[ObjectId, MaskletFrame]]:
        """What a run has flushed so far, in the order it was appended, from that record on. Raises IntegrityError."""
        ...

    def coverage(self, run: str) -> tuple[VideoInfo, Mapping[ObjectId, tuple[FrameRange, ...]]]:
        """The video of a complete run, and the frames that each of its objects has a mask on.

        Raises NotFound, IntegrityError.
        """
        ...

    def snapshot(self, run: str) -> bytes | None:
        """The state of an unfinished run's last snapshot; None if there is none. Raises IntegrityError."""
        ...

    def runs(self, prefix: str = "") -> tuple[str, ...]:
        """The names of all runs, finished or not, that begin like this."""
        ...

    def idle_runs(self, before_s: float) -> tuple[str, ...]:
        """The names of the runs that nobody wrote to since then (wall clock)."""
        ...

    def remove(self, run: str) -> None: ...


class MaskCodec(Protocol):
    """COCO run lengths, both ways."""

    def encode(self, mask: BoolMask) -> EncodedMask:
        """mask: [H, W] bool."""
        ...

    def decode(self, encoded: EncodedMask) -> BoolMask:
        """[H, W] bool. Raises PromptError if the counts do not fit the shape."""
        ...
