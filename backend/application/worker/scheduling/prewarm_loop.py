"""Prewarming: frames that are likely to be prompted next are encoded before the click.

A request may be lost, late or replaced by a newer one. Prewarming changes no answer, only its latency. Requests are not
in the ledger. Prewarming yields to jobs between two frames.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Collection, Sequence

from backend.application.ports.media import MediaFetch, TaskMediaFetcher, TaskMediaLibrary, VideoSource
from backend.application.ports.requests.prewarm import (
    MediaStatus,
    PrewarmChannel,
    Prewarmer,
    PrewarmRequest,
    frame_hash,
)
from backend.application.worker.scheduling.engine_turns import EngineLock
from backend.domain.errors import Cancelled, MaskletError, reason_of
from backend.domain.tasks import MediaRef
from backend.domain.video import ContentHash, FrameIndex

logger = logging.getLogger(__name__)


MEDIA_REMEMBERED = 64
"""The number of media whose encoded frames are remembered, to release them on request."""


FETCH_INLINE_S = 0.1
"""The longest that a request waits for its media in its place."""

MEDIA_FETCHED_AT_ONCE = 32
"""Requests that wait for their media; the oldest is dropped for a newer one."""


class PrewarmLoop:
    """Runs prewarm requests in one thread; holds the engine for one frame at a time."""

    def __init__(self, channel: PrewarmChannel, media: TaskMediaLibrary, engine: Prewarmer, lock: EngineLock) -> None:
        """media: may be used by jobs at the same time."""
        self._channel = channel
        self._media = media
        self._engine = engine
        self._lock = lock
        self._fetches: list[tuple[MediaFetch, PrewarmRequest]] = []
        self._encoded_media: OrderedDict[MediaRef, set[ContentHash]] = OrderedDict()

    def run_next(self, timeout_s: float) -> bool:
        """Runs the newest request. Waits at most timeout_s for one; False if none came.

        A request whose media are on their way leaves its place to others, and runs when they are here.
        """
        fetched = self._next_fetched()
        request = self._channel.next_request(timeout_s) if fetched is None else fetched[1]
        if request is None:
            return False
        try:
            if fetched is not None:
                fetched[0].raise_error()
            if not self._is_on_its_way(request):
                self._prewarm(request)
        except Cancelled:
            logger.debug("prewarming yielded to a job")
        except MaskletError as error:
            logger.info("prewarming: %s", error)
            self._channel.report(request.media, MediaStatus(None, error=reason_of(error)))
        except Exception as error:  # no file content may end the loop; the log has the error
            logger.exception("prewarming failed")
            self._channel.report(request.media, MediaStatus(None, error=reason_of(error)))
        return True

    def _is_on_its_way(self, request: PrewarmRequest) -> bool:
        if not isinstance(self._media, TaskMediaFetcher):
            return False
        frames = [index for group in _frame_groups(request.media, request.frames) for index in group]
        fetch = self._media.fetch(request.media, task=request.task, frames=frames)
        if fetch.wait(FETCH_INLINE_S if not self._fetches else 0.0):
            fetch.raise_error()
            return False
        self._fetches.append((fetch, request))
        if len(self._fetches) > MEDIA_FETCHED_AT_ONCE:
            self._fetches.pop(0)[0].cancel()
        return True

    def _next_fetched(self) -> tuple[MediaFetch, PrewarmRequest] | None:
        for waiting in self._fetches:
            if waiting[0].is_done:
                self._fetches.remove(waiting)
                return waiting
        return None

    def _prewarm(self, request: PrewarmRequest) -> None:
        if request.forget:
            for content_hash in self._encoded_media.pop(request.media, ()):
                with self._lock.idle():
                    self._engine.forget(content_hash)
        ready = set() if request.forget else self._known_ready(request.media)
        frames = request.frames[: max(self._engine.frames_kept - 1, 0)]
        for group in _frame_groups(request.media, frames):
            with self._media.open(request.media, task=request.task, frames=group) as video:
                self._encode(request.media, video, group, ready)

    def _known_ready(self, media: MediaRef) -> set[int]:
        """The encoded frames by the last report, until this request learns more."""
        known = self._channel.status(media)
        return set() if known is None else set(known.ready)

    def _encode(self, media: MediaRef, video: VideoSource, frames: Sequence[FrameIndex], ready: set[int]) -> None:
        self._remember(media, {frame_hash(video, index) for index in frames})
        self._channel.report(media, status_of(video, ready))
        for frame_index in frames:
            if frame_index < video.info.frame_count:
                with self._lock.idle():
                    kept = self._engine.prewarm(video, [frame_index], cancel=self._lock)
                if not media.is_pages:
                    ready.clear()  # what is kept of a video is known as a whole
                ready.update(kept)
                self._channel.report(media, status_of(video, ready))

    def _remember(self, media: MediaRef, content_hashes: set[ContentHash]) -> None:
        self._encoded_media.setdefault(media, set()).update(content_hashes)
        self._encoded_media.move_to_end(media)
        while len(self._encoded_media) > MEDIA_REMEMBERED:
            self._encoded_media.popitem(last=False)


def status_of(video: VideoSource, ready: Collection[int]) -> MediaStatus:
    return MediaStatus(video.info, tuple(sorted(ready)))


def _frame_groups(media: MediaRef, frames: tuple[FrameIndex, ...]) -> list[tuple[FrameIndex, ...]]:
    """Frames that are opened together: each page alone, as for a click; the frames of a video all at once."""
    if not media.is_pages:
        return [frames]
    return [(index,) for index in frames if index < len(media.addresses)]
