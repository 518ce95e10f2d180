"""Videos and pages, as the use cases read them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from backend.domain.geometry import RgbFrame
from backend.domain.tasks import MediaRef
from backend.domain.video import FrameIndex, FrameRange, VideoInfo


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
