"""Prewarm requests: frames to be encoded before a click, and what is known of a medium."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from backend.application.ports.engine import CancelToken
from backend.application.ports.media import VideoSource
from backend.domain.frame_times import FrameTimes
from backend.domain.tasks import MediaRef
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

WIDEST_WINDOW = 20
"""Frames to one side that a client may ask for at once."""


@runtime_checkable
class Prewarmer(Protocol):
    """The engine, as far as looking ahead goes."""

    @property
    def frames_kept(self) -> int:
        """How many encoded frames are kept at once."""
        ...

    def prewarm(self, video: VideoSource, frames: Sequence[FrameIndex], *, cancel: CancelToken) -> tuple[int, ...]:
        """Encode frames ahead of need, so that a prompt on one of them is answered sooner; changes no answer.

        As many of the first ones as are kept at once; cancel is asked before each. Returns the frames of this video
        that are ready now. Raises PromptError past the end.
        """
        ...

    def forget(self, video: ContentHash) -> None:
        """Let go of what is kept of a video's frames."""
        ...


@runtime_checkable
class FramesByContent(Protocol):
    """A VideoSource that knows what a frame is, whatever else it holds: a page may be opened in any company."""

    def frame_hash(self, index: int) -> ContentHash: ...


def frame_hash(video: VideoSource, index: int) -> ContentHash:
    """Under which hash what is known of this frame is kept: the page's own, or the whole video's."""
    return video.frame_hash(index) if isinstance(video, FramesByContent) else video.info.content_hash


@dataclass(frozen=True, slots=True)
class PrewarmRequest:
    """What is to be looked at ahead of need: these frames first, in this order. forget: let go of the media instead."""

    media: MediaRef
    frames: tuple[FrameIndex, ...]
    forget: bool = False


@dataclass(frozen=True, slots=True)
class MediaStatus:
    """What a worker has seen of some media.

    ready: the frames that are encoded. trouble: why the media could not be opened (domain.errors.reason_of), empty if
    it could; info is None then.
    """

    info: VideoInfo | None
    ready: tuple[int, ...] = ()
    error: str = ""

    @property
    def timestamps_s(self) -> tuple[float, ...]:
        """Presentation time of each frame in seconds; pages take their turn at the task's rate."""
        if self.info is None:
            return ()
        return (self.info.times or FrameTimes.steady(self.info.frame_rate, self.info.frame_count)).seconds()


class PrewarmChannel(Protocol):
    """Where the web process leaves wishes and a worker says what it sees. May forget everything without harm."""

    def request(self, wish: PrewarmRequest) -> None:
        """Leave a wish for the worker; one that is not taken up soon is dropped for newer ones. Never raises."""
        ...

    def next_request(self, timeout_s: float) -> PrewarmRequest | None:
        """The newest wish, waiting for one at most this long."""
        ...

    def report(self, media: MediaRef, sight: MediaStatus) -> None:
        """Say what is seen of some media. Never raises."""
        ...

    def status(self, media: MediaRef) -> MediaStatus | None:
        """What was told last; None if nothing was, or it was long ago."""
        ...


class NoPrewarmChannel:
    """A WarmBoard that nobody reads."""

    def request(self, wish: PrewarmRequest) -> None:
        return

    def next_request(self, timeout_s: float) -> PrewarmRequest | None:
        return None

    def report(self, media: MediaRef, sight: MediaStatus) -> None:
        return

    def status(self, media: MediaRef) -> MediaStatus | None:
        return None


def frames_around(frame_index: int, reach: int) -> tuple[FrameIndex, ...]:
    """A frame and those near it, nearest first and the later one of two before the earlier; none below 0."""
    steps = [0, *(step for distance in range(1, reach + 1) for step in (distance, -distance))]
    return tuple(FrameIndex(frame_index + step) for step in steps if frame_index + step >= 0)
