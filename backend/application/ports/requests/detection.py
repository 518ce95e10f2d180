"""An open-vocabulary detector: objects in a picture by a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from backend.application.ports.requests.channel import RequestChannel
from backend.domain.detections import Detection
from backend.domain.geometry import RgbFrame
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex


class Detector(Protocol):
    """One per process; its model stays in memory."""

    def detect(self, picture: RgbFrame, text: str, *, least_score: float | None = None) -> tuple[Detection, ...]:
        """The objects that fit a text, best score first, without duplicates.

        picture: [H, W, 3] uint8. least_score: 0..1; None: the one that suits the model.
        Raises DeviceOutOfMemory.
        """
        ...


@dataclass(frozen=True, slots=True)
class DetectionRequest:
    """Which objects to find, from the web process to a worker. frame_index: of the task's media."""

    task: TaskKey
    media: MediaRef
    frame_index: FrameIndex
    text: str


DetectionChannel = RequestChannel[DetectionRequest, tuple[Detection, ...]]
"""`ask` raises ModelError if the worker has no detector."""
