"""Objects that a text describes on a frame, in the player. Nothing is recorded: the page makes prompts of the boxes."""

from __future__ import annotations

from dataclasses import dataclass

from backend.application.player.current_masks import CurrentMasks
from backend.application.player.task_view import OpenedTask
from backend.application.ports.requests.detection import DetectionChannel, DetectionRequest
from backend.domain.detections import Detection, detection_text, distinct_detections
from backend.domain.errors import QueueUnavailable, ServiceUnavailable
from backend.domain.geometry import Box, box_of_mask
from backend.domain.video import FrameIndex, FrameRange


@dataclass(frozen=True, slots=True)
class FoundObjects:
    """detections: those that are no object of the user yet, best score first. known: the count of the others."""

    detections: tuple[Detection, ...]
    known: int


@dataclass(frozen=True, slots=True)
class Detections:
    """The detections on one opened task by its user."""

    masks: CurrentMasks
    channel: DetectionChannel
    opened: OpenedTask

    def on(self, frame_index: FrameIndex, text: str, *, deadline_s: float) -> FoundObjects:
        """The objects on a frame that fit a text.

        Raises InvalidInput for an unusable text, the worker's error, such as ModelError without a detector, or
        ServiceUnavailable if no worker answers within deadline_s.
        """
        self.opened.info.require_frame(frame_index)
        task = self.opened.user_task
        request = DetectionRequest(task.task, task.media, frame_index, detection_text(text))
        found = self._found(request, deadline_s)
        new = distinct_detections(found, self._known_boxes(frame_index))
        return FoundObjects(new, len(found) - len(new))

    def _found(self, request: DetectionRequest, deadline_s: float) -> tuple[Detection, ...]:
        try:
            return self.channel.ask(request, timeout_s=deadline_s)
        except QueueUnavailable:
            raise
        except ServiceUnavailable as error:
            raise ServiceUnavailable(f"{error}; the first search takes longest, for it loads the detector") from error

    def _known_boxes(self, frame_index: FrameIndex) -> list[Box]:
        """The boxes of the user's masks on a frame."""
        frames = FrameRange(frame_index, FrameIndex(frame_index + 1))
        boxes: list[Box | None] = [
            shown.box or box_of_mask(self.masks.codec.decode(shown.mask))
            for shown in self.masks.on(self.opened.user_task, frames)
            if shown.mask is not None
        ]
        return [box for box in boxes if box is not None]
