"""The SAM 2 engine, as protocols. Adapters implement them; tests have fakes for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from backend.application.ports.media import VideoSource
from backend.domain.geometry import Point
from backend.domain.jobs import ModelInfo
from backend.domain.masklets import FrameMasks, ObjectFrame
from backend.domain.prompts import PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange


class CancelToken(Protocol):
    def raise_if_cancelled(self) -> None:
        """Raises Cancelled or Superseded if the work is to end. Called between frames."""
        ...


class Propagation(Protocol):
    """A running pass: an iterator of frames with a snapshot between any two of them.

    Not thread-safe; nothing may be called while `__next__` runs.
    """

    @property
    def total(self) -> int:
        """The count of FrameMasks of the whole pass, those before a resume included."""
        ...

    @property
    def done(self) -> int:
        """The count of FrameMasks yielded so far, those before a resume included; equals total at the end."""
        ...

    def __iter__(self) -> Iterator[FrameMasks]: ...

    def __next__(self) -> FrameMasks: ...

    def snapshot(self) -> bytes:
        """The state after the last yielded frame, for `Segmenter.propagate(resume=...)`. A resumed pass yields the
        remaining frames with bit-identical masks and evidence; on a GPU two runs can differ in the last bits.

        Its size depends on the objects and their prompted frames, not on the count of yielded frames.
        """
        ...


class Segmenter(Protocol):
    """The SAM 2 engine. One per process; the model stays in memory."""

    @property
    def model(self) -> ModelInfo: ...

    def segment(self, video: VideoSource, prompts: PromptSet, frame_index: FrameIndex) -> FrameMasks:
        """The masks on one frame of every object in `prompts`, from all of their prompts on all frames.

        An object with a prompt on this frame is segmented from that prompt, with memory of its other prompted
        frames; an object without one is segmented from memory alone.
        Raises PromptError for an object whose prompts are all negative clicks.
        """
        ...

    def propagate(
        self,
        video: VideoSource,
        prompts: PromptSet,
        *,
        direction: Direction,
        frame_range: FrameRange | None = None,
        cancel: CancelToken,
        resume: bytes | None = None,
    ) -> Propagation:
        """Masks of all objects, frame by frame: first forward from the earliest prompted frame to the range's end,
        then (BACKWARD, BOTH) backward from it to the range's start. No object's frame is yielded twice.

        Before an object's first prompted frame a forward pass leaves the object out of the FrameMasks; a backward
        pass starts each object at its own earliest prompted frame. With BOTH and objects that start on different
        frames, the frames between the starts are therefore yielded twice, each time with other objects:
        Propagation.total counts yields. Constant memory; cancel is called between frames.

        frame_range: the range of frames; None: the whole video.

        resume: a Propagation.snapshot, to resume after its frame. Raises SnapshotMismatch if it is damaged, or was
        taken of another video, prompts, direction, range or weights, or by other software.
        """
        ...


class PointSegmenter(Segmenter, Protocol):
    """A Segmenter that also segments many points of a frame in few calls."""

    def segment_points(
        self, video: VideoSource, points: Sequence[Point], frame_index: FrameIndex
    ) -> Iterator[list[ObjectFrame]]:
        """The masks of points, each a positive click for an object of its own, a batch of points at a time.

        points: relative to the frame. Every point gives one ObjectFrame, in order; its object id is the point's number.
        The masks are those of `segment`, except where rounding decides: the batch changes the last bits.
        """
        ...


class ModelDirectory(Protocol):
    """The model of the workers, for the web process, which has none."""

    def announced(self) -> ModelInfo | None:
        """The model that a worker announced last; None before the first announcement."""
        ...


class NeverCancelled:
    """A CancelToken that never cancels."""

    def raise_if_cancelled(self) -> None:
        return
