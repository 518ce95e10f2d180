"""Hovers in a worker: decodes one prompt on a frame that is encoded, between two jobs, and records nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.application.ports.clock import Clock
from backend.application.ports.engine import Segmenter
from backend.application.ports.frame_by_frame import FrameByFrame
from backend.application.ports.masks import MaskCodec
from backend.application.ports.media import TaskMediaFetcher, TaskMediaLibrary, VideoSource
from backend.application.ports.requests.hover import HoverChannel, HoverMask
from backend.application.ports.requests.prewarm import frame_hash
from backend.application.worker.answering import answer_next
from backend.application.worker.job_runner import frames_needed
from backend.application.worker.mask_records import encoded, scorer_of
from backend.application.worker.scheduling.engine_turns import EngineLock
from backend.domain.errors import NotEncoded
from backend.domain.geometry import RgbFrame
from backend.domain.jobs import PreviewRequest
from backend.domain.recent import Recent
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.uncertainty.calibration import Calibrator
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

NOT_ENCODED = "not encoded yet"
FETCH_INLINE_S = 0.02
"""The longest wait for media in the loop: cached ones are only asked after."""

MEDIA_KEPT = 64
MEDIA_KEPT_S = 30.0
"""How long the properties of media are used before they are opened again: opening takes longer than a hover."""

_MediaKey = tuple[TaskKey, MediaRef, frozenset[FrameIndex]]


class EncodedVideo(FrameByFrame):
    """A video without pictures: the engine can use its encoded frames alone."""

    def __init__(self, info: VideoInfo, hashes: Mapping[int, ContentHash]) -> None:
        """hashes: the content hashes of pages by frame; empty for a video."""
        super().__init__(info)
        self._hashes = hashes

    def frame_hash(self, index: int) -> ContentHash:
        """The content hash that identifies an encoded frame."""
        return self._hashes.get(index, self._info.content_hash)

    def frame(self, index: FrameIndex) -> RgbFrame:
        """Raises NotEncoded: the engine asks for the picture of a frame that it has not encoded."""
        raise NotEncoded(NOT_ENCODED)


@dataclass(frozen=True, slots=True)
class HoverParts:
    """What a hover needs of a worker. media: may be used by jobs at the same time."""

    media: TaskMediaLibrary
    segmenter: Segmenter
    codec: MaskCodec
    calibrator: Calibrator | None
    lock: EngineLock
    clock: Clock


class HoverLoop:
    """Answers hovers in one thread; holds the engine for one hover at a time."""

    def __init__(self, channel: HoverChannel, parts: HoverParts) -> None:
        self._channel = channel
        self._parts = parts
        self._opened: Recent[_MediaKey, tuple[float, VideoSource]] = Recent(MEDIA_KEPT)

    def run_next(self, timeout_s: float) -> bool:
        """Answers the next hover. Waits at most timeout_s for one; False if none came."""
        return answer_next(self._channel, lambda asked: self._mask(asked.request), timeout_s)

    def _mask(self, request: PreviewRequest) -> HoverMask:
        video = self._video(request)
        with self._parts.lock.hover():
            masks = self._parts.segmenter.segment(video, request.prompts, request.frame_index)
        ((_, frame),) = encoded(masks, video, self._parts.codec, scorer_of(self._parts.calibrator, request.prompts))
        is_present = frame.evidence.area_rel > 0
        return HoverMask(
            frame.mask if is_present else None,
            frame.origin,
            frame.uncertainty,
            frame.evidence.box if is_present else None,
        )

    def _video(self, request: PreviewRequest) -> VideoSource:
        """Raises NotEncoded while the media are fetched, or their error."""
        frames = frames_needed(request) or frozenset()
        key = (request.task, request.media, frames if request.media.is_pages else frozenset())
        now_s = self._parts.clock.monotonic_s()
        known = self._opened.get(key)
        if known is not None and now_s - known[0] < MEDIA_KEPT_S:
            return known[1]
        self._require_fetched(request, frames)
        with self._parts.media.open(request.media, task=request.task, frames=frames) as source:
            pages = frames if request.media.is_pages else ()
            video = EncodedVideo(source.info, {int(page): frame_hash(source, page) for page in pages})
        self._opened.put(key, (now_s, video))
        return video

    def _require_fetched(self, request: PreviewRequest, frames: frozenset[FrameIndex]) -> None:
        if not isinstance(self._parts.media, TaskMediaFetcher):
            return
        fetch = self._parts.media.fetch(request.media, task=request.task, frames=frames)
        if not fetch.wait(FETCH_INLINE_S):
            fetch.cancel()
            raise NotEncoded(NOT_ENCODED)
        fetch.raise_error()
