"""Prewarming: requests to encode frames before a click, and the status of media."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from backend.application.ports.engine import CancelToken
from backend.application.ports.media import VideoSource
from backend.domain.frame_times import FrameTimes
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

MAX_WINDOW = 20
"""The most frames to one side that a client may request at once."""


@runtime_checkable
class Prewarmer(Protocol):
    """The part of the engine that prewarms."""

    @property
    def frames_kept(self) -> int:
        """The count of encoded frames that are kept at once."""
        ...

    def prewarm(self, video: VideoSource, frames: Sequence[FrameIndex], *, cancel: CancelToken) -> tuple[int, ...]:
        """Encodes frames, so that a click on one of them is answered sooner; changes no answer.

        Encodes the first `frames_kept` of them; cancel is called before each. Returns the frames of this video that
        are encoded now. Raises PromptError past the end.
        """
        ...

    def forget(self, video: ContentHash) -> None:
        """Drops the encoded frames of a video."""
        ...


@runtime_checkable
class FramesByContent(Protocol):
    """A VideoSource with a content hash per frame: a page has the same hash in every set of opened pages."""

    def frame_hash(self, index: int) -> ContentHash: ...


def frame_hash(video: VideoSource, index: int) -> ContentHash:
    """The content hash that identifies an encoded frame: the page's own, or the whole video's."""
    return video.frame_hash(index) if isinstance(video, FramesByContent) else video.info.content_hash


@dataclass(frozen=True, slots=True)
class PrewarmRequest:
    """Frames to encode, in this order. forget: drop the media's encoded frames first. task: whose media they are."""

    media: MediaRef
    frames: tuple[FrameIndex, ...]
    forget: bool = False
    task: TaskKey | None = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class MediaStatus:
    """The status of media in a worker.

    ready: the encoded frames. error: why the media could not be opened (domain.errors.reason_of), else empty; with an
    error, info is None.
    """

    info: VideoInfo | None
    ready: tuple[int, ...] = ()
    error: str = ""

    @property
    def timestamps_s(self) -> tuple[float, ...]:
        """Presentation time of each frame in seconds; pages follow the task's frame rate."""
        if self.info is None:
            return ()
        return (self.info.times or FrameTimes.steady(self.info.frame_rate, self.info.frame_count)).seconds()


class PrewarmChannel(Protocol):
    """Prewarm requests from the web process to a worker, and media status back. May lose everything without harm."""

    def request(self, request: PrewarmRequest) -> None:
        """Sends a request; newer requests displace one that no worker takes. Never raises."""
        ...

    def next_request(self, timeout_s: float) -> PrewarmRequest | None:
        """The newest request; waits at most timeout_s for one."""
        ...

    def report(self, media: MediaRef, status: MediaStatus) -> None:
        """Reports the status of media. Never raises."""
        ...

    def status(self, media: MediaRef) -> MediaStatus | None:
        """The last reported status; None without one, or if it expired."""
        ...


def frames_around(frame_index: int, radius: int) -> tuple[FrameIndex, ...]:
    """A frame and up to `radius` frames on both sides, nearest first, later before earlier; none below 0."""
    steps = [0, *(step for distance in range(1, radius + 1) for step in (distance, -distance))]
    return tuple(FrameIndex(frame_index + step) for step in steps if frame_index + step >= 0)
