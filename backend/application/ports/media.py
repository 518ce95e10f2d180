"""Videos and pages as sources of frames, as protocols."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from backend.domain.geometry import RgbFrame
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex, FrameRange, VideoInfo


class VideoSource(Protocol):
    """Random and sequential access to the frames of one video, or of one task's pages.

    Use as a context manager. Frames are RGB uint8 [H, W, 3] at the displayed size. Memory is bounded, independent
    of the video's length.
    """

    @property
    def info(self) -> VideoInfo: ...

    @property
    def timestamps_s(self) -> Sequence[float]:
        """Presentation time of each frame in seconds, as in a video player."""
        ...

    def frame(self, index: FrameIndex) -> RgbFrame:
        """One frame. Raises PromptError past the end, MediaError if it does not decode."""
        ...

    def frames(self, frame_range: FrameRange, *, backward: bool = False) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        """The range's frames in ascending order, or in descending order if backward."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class DamagedVideo(Protocol):
    """A VideoSource that may have frames that do not decode; they show the last good picture before them."""

    def is_undecodable(self, index: int) -> bool:
        """Whether a frame is known not to decode. Of a frame that was read it is known."""
        ...


def is_undecodable(video: VideoSource, index: int) -> bool:
    """Whether a frame that was read shows an earlier picture, because it does not decode."""
    return isinstance(video, DamagedVideo) and video.is_undecodable(index)


class MediaLibrary(Protocol):
    """Fetches media into a content-addressed cache and opens it."""

    def open(self, media: MediaRef, *, frames: Collection[FrameIndex] | None = None) -> VideoSource:
        """Fetches media that are not cached, and opens them.

        frames: the only frames that will be read; None: any. Of a task made of pages, no others are fetched.
        Raises NotAllowed, MediaUnreachable, MediaError, or PromptError for a frame past the end.
        """
        ...


class MediaFetch(Protocol):
    """A running fetch of media, beside the caller's thread."""

    @property
    def is_done(self) -> bool: ...

    def wait(self, timeout_s: float) -> bool:
        """Waits for the end at most this long, in seconds; whether it has ended."""
        ...

    def raise_error(self) -> None:
        """Raises what the ended fetch met: NotAllowed, MediaUnreachable, MediaError, ServiceUnavailable."""
        ...

    def cancel(self) -> None:
        """The caller needs the media no more. Downloads that nobody else needs end soon."""
        ...


class MediaFetcher(Protocol):
    """A media library that fetches in threads of its own."""

    def fetch(self, media: MediaRef, *, frames: Collection[FrameIndex] | None = None) -> MediaFetch:
        """Starts to fetch what `open` would fetch. `open` does not wait for a server after the fetch has ended well.

        Raises PromptError for a frame past the end.
        """
        ...


class TaskMediaLibrary(Protocol):
    """A MediaLibrary for addresses that a caller named: they may be those of another task."""

    def open(
        self, media: MediaRef, *, task: TaskKey | None, frames: Collection[FrameIndex] | None = None
    ) -> VideoSource:
        """As MediaLibrary.open. Raises NotAllowed too for Label Studio's own files that are not the task's.

        task: None if the caller did not say; then none of Label Studio's own files are opened.
        Raises LabelStudioUnavailable or LabelStudioRefused if the task cannot be read.
        """
        ...


@runtime_checkable
class TaskMediaFetcher(Protocol):
    """A TaskMediaLibrary that checks and fetches in threads of its own."""

    def fetch(
        self, media: MediaRef, *, task: TaskKey | None, frames: Collection[FrameIndex] | None = None
    ) -> MediaFetch:
        """As MediaFetcher.fetch. The fetch ends with the errors of TaskMediaLibrary.open too."""
        ...
