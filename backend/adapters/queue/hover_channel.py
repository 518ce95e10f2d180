"""Hovers on the queue's server."""

from __future__ import annotations

from typing import Any

from backend.adapters.queue.request_channel import RedisRequestChannel
from backend.application.ports.requests.hover import HoverMask
from backend.codecs.request_json import dump_request, load_request
from backend.domain.geometry import Box
from backend.domain.jobs import PreviewRequest
from backend.domain.masklets import EncodedMask, MaskOrigin


class RedisHoverChannel(RedisRequestChannel[PreviewRequest, HoverMask]):
    """The HoverChannel port."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "hover")

    def dump_request(self, request: PreviewRequest) -> str:
        return dump_request(request)

    def load_request(self, text: str) -> PreviewRequest | None:
        request = load_request(text)
        return request if isinstance(request, PreviewRequest) else None

    def dump_answer(self, answer: HoverMask) -> object:
        encoded, box = answer.mask, answer.box
        return {
            "mask": encoded and [encoded.height, encoded.width, encoded.counts],
            "origin": str(answer.origin),
            "uncertainty": answer.uncertainty,
            "box": box and [box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel],
        }

    def load_answer(self, content: dict[str, Any]) -> HoverMask:
        mask, box = content["mask"], content["box"]
        return HoverMask(
            None if mask is None else EncodedMask(*mask),
            MaskOrigin(content["origin"]),
            float(content["uncertainty"]),
            None if box is None else Box(*box),
        )
