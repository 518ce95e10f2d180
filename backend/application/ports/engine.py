"""What the use cases need from outside, as protocols. Adapters implement them; tests have fakes for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from backend.application.ports.media import VideoSource
from backend.domain.jobs import ModelInfo
from backend.domain.masklets import FrameMasks
from backend.domain.prompts import PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange


class CancelToken(Protocol):
    def raise_if_cancelled(self) -> None:
        """Raises Cancelled or Superseded if this work is no longer wanted. Called between frames."""
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


class ModelDirectory(Protocol):
    """Which model the workers hold, for a web process that has none itself."""

    def announced(self) -> ModelInfo | None:
        """The model that a worker announced last; None before any has."""
        ...


class NeverCancelled:
    """A CancelToken for work that only Ctrl-C ends."""

    def raise_if_cancelled(self) -> None:
        return
