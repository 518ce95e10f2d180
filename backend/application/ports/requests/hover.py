"""Hovers: the mask that a click would give, on an encoded frame. Nothing of a hover is recorded."""

from __future__ import annotations

from dataclasses import dataclass

from backend.application.ports.requests.channel import RequestChannel
from backend.domain.geometry import Box
from backend.domain.jobs import PreviewRequest
from backend.domain.masklets import EncodedMask, MaskOrigin


@dataclass(frozen=True, slots=True)
class HoverMask:
    """The mask of the request's object on the request's frame.

    mask: None if the object is absent. box: of the mask. uncertainty: 0..1.
    """

    mask: EncodedMask | None
    origin: MaskOrigin
    uncertainty: float
    box: Box | None


HoverChannel = RequestChannel[PreviewRequest, HoverMask]
"""Requests have prompts of one object. `ask` raises NotEncoded if a needed frame is not encoded."""
