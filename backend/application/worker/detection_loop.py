"""Detections in a worker: finds objects on a frame by a text, beside the jobs, and records nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backend.application.ports.media import TaskMediaFetcher, TaskMediaLibrary
from backend.application.ports.requests.channel import AskedRequest
from backend.application.ports.requests.detection import DetectionChannel, DetectionRequest, Detector
from backend.application.worker.answering import answer_next
from backend.domain.detections import Detection
from backend.domain.errors import NotYet


@dataclass(slots=True)
class DetectionLoop:
    """Answers detections in one thread. The engine is not used.

    media: may be used by jobs at the same time. load: loads the detector, which takes seconds; called at the first
    request, and again after it failed. Raises ModelError where there is no detector.
    """

    channel: DetectionChannel
    media: TaskMediaLibrary
    load: Callable[[], Detector]
    _detector: Detector | None = None

    def run_next(self, timeout_s: float) -> bool:
        """Answers the next request. Waits at most timeout_s for one; False if none came."""
        return answer_next(self.channel, self._detections, timeout_s)

    def _detections(self, asked: AskedRequest[DetectionRequest]) -> tuple[Detection, ...]:
        """Raises NotYet if the media are not here within the time of the request, or their error."""
        request = asked.request
        if self._detector is None:
            self._detector = self.load()
        frames = frozenset({request.frame_index})
        if isinstance(self.media, TaskMediaFetcher):
            fetch = self.media.fetch(request.media, task=request.task, frames=frames)
            if not fetch.wait(asked.wait_s):
                fetch.cancel()
                raise NotYet("the video is still being fetched: try again")
            fetch.raise_error()
        with self.media.open(request.media, task=request.task, frames=frames) as video:
            video.info.require_frame(request.frame_index)
            return self._detector.detect(video.frame(request.frame_index), request.text)
