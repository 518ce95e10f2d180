"""Detections by text on the queue's server: the player asks, a worker answers."""

from __future__ import annotations

import json
from typing import Any

from backend.adapters.queue.request_channel import RedisRequestChannel
from backend.application.ports.requests.detection import DetectionRequest
from backend.domain.detections import Detection, detection_text
from backend.domain.geometry import Box
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex


class RedisDetectionChannel(RedisRequestChannel[DetectionRequest, tuple[Detection, ...]]):
    """The DetectionChannel port."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "detection")

    def dump_request(self, request: DetectionRequest) -> str:
        return json.dumps(
            {
                "task": [request.task.project_id, request.task.task_id],
                "addresses": list(request.media.addresses),
                "is_pages": request.media.is_pages,
                "frame": int(request.frame_index),
                "text": request.text,
            }
        )

    def load_request(self, text: str) -> DetectionRequest:
        content = json.loads(text)
        media = MediaRef(tuple(content["addresses"]), content["is_pages"])
        frame = FrameIndex(int(content["frame"]))
        return DetectionRequest(TaskKey(*content["task"]), media, frame, detection_text(str(content["text"])))

    def dump_answer(self, answer: tuple[Detection, ...]) -> object:
        boxes = ((found.box, found.score) for found in answer)
        return {"detections": [[box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel, score] for box, score in boxes]}

    def load_answer(self, content: dict[str, Any]) -> tuple[Detection, ...]:
        return tuple(Detection(Box(*corners), float(score)) for *corners, score in content["detections"])
