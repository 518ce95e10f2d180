"""What the use cases need from outside, as protocols. Adapters implement them; tests have fakes for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from backend.application.requests import (
    Job,
    JobKind,
    MediaRef,
    ModelInfo,
)
from backend.domain.geometry import RgbFrame
from backend.domain.masklets import FrameMasks
from backend.domain.prompts import PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange, VideoInfo


class Clock(Protocol):
    def now_s(self) -> float:
        """Wall-clock seconds since the epoch, for records."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never jump, for deadlines and durations."""
        ...

    def sleep(self, seconds: float) -> None: ...


class CancelToken(Protocol):
    def raise_if_cancelled(self) -> None:
        """Raises Cancelled or Superseded if this work is no longer wanted. Called between frames."""
        ...


class VideoSource(Protocol):
    """Random and sequential access to the frames of one video, or of one task's pages.

    Use as a context manager. Frames are RGB uint8 [H, W, 3] at the displayed size. Memory held is bounded and
    independent of the video's length.
    """

    @property
    def info(self) -> VideoInfo: ...

    @property
    def timestamps_s(self) -> Sequence[float]:
        """Presentation time of each frame in seconds, as a player of the video counts them."""
        ...

    def frame(self, index: FrameIndex) -> RgbFrame:
        """One frame. Raises PromptError past the end, MediaError if it does not decode."""
        ...

    def frames(self, span: FrameRange, *, backward: bool = False) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        """The span's frames in order, or in descending order if backward."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class MediaLibrary(Protocol):
    """Fetches media into a content-addressed cache and opens it."""

    def open(self, media: MediaRef, *, frames: Collection[FrameIndex] | None = None) -> VideoSource:
        """Fetch what is not here yet, and open it.

        frames: the only ones that will be read (None: any may be); of a task made of pages no others are fetched.
        Raises NotAllowed, MediaUnreachable, MediaError, or PromptError for a frame that there is not.
        """
        ...


class Propagation(Protocol):
    """A propagation under way: an iterator of frames that can be set down between any two of them.

    Not for several threads, and not to be asked while `__next__` runs.
    """

    @property
    def total(self) -> int:
        """How many FrameMasks the whole propagation yields, those before a resume included."""
        ...

    @property
    def done(self) -> int:
        """How many of them were yielded already, here or before the resume; equals total at the end."""
        ...

    def __iter__(self) -> Iterator[FrameMasks]: ...

    def __next__(self) -> FrameMasks: ...

    def snapshot(self) -> bytes:
        """The state after the last frame yielded. Given to `Segmenter.propagate` as resume, the frames that follow
        have bit for bit the masks and the evidence that they would have had here.

        Its size depends on the objects and their prompted frames, not on how far the propagation has come.
        """
        ...


class Segmenter(Protocol):
    """The SAM 2 engine. One per process; the model stays resident."""

    @property
    def model(self) -> ModelInfo: ...

    def segment(self, video: VideoSource, prompts: PromptSet, frame_index: FrameIndex) -> FrameMasks:
        """The masks, on one frame, of every object in `prompts`, given all of their prompts on all frames.

        An object that has a prompt on this frame is answered from that prompt, with memory of its other
        prompted frames; one that has none is answered from memory alone.
        Raises PromptError for an object whose prompts are all negative clicks.
        """
        ...

    def propagate(
        self,
        video: VideoSource,
        prompts: PromptSet,
        *,
        direction: Direction,
        span: FrameRange | None = None,
        cancel: CancelToken,
        resume: bytes | None = None,
    ) -> Propagation:
        """Masks of all objects, frame by frame: first forward from the earliest prompted frame to the span's end,
        then (BACKWARD, BOTH) backward from it to the span's start. No object's frame is yielded twice.

        Before an object's first prompted frame a forward pass leaves the object out of the FrameMasks; a backward
        pass starts each object at its own earliest prompted frame. With BOTH and objects that start on different
        frames, the frames between the starts are therefore yielded twice, each time with other objects:
        Propagation.total counts yields. Constant memory; cancel is asked between frames.

        resume: what Propagation.snapshot returned, to go on after the frame it was taken at. Raises SnapshotMismatch
        if it is damaged, or was taken of another video, prompts, direction, span or weights, or on other software.
        """
        ...


class JobQueue(Protocol):
    """Carries ledger ids to workers; may lose everything without harm, for the ledger knows."""

    def enqueue(self, job: Job, *, timeout_s: float) -> None:
        """Idempotent for (job id, attempt). Raises QueueUnavailable."""
        ...

    def is_known(self, job: Job) -> bool:
        """Whether this attempt is waiting, or being worked on, in the queue. Raises QueueUnavailable."""
        ...

    def depths(self) -> dict[JobKind, int]: ...

    def workers(self) -> dict[JobKind, int]:
        """Live workers seen per queue."""
        ...


class ModelDirectory(Protocol):
    """Which model the workers hold, for a web process that has none itself."""

    def announced(self) -> ModelInfo | None:
        """The model that a worker announced last; None before any has."""
        ...
