"""Hovers: the mask that a click would give, on an encoded frame. Nothing of a hover is recorded.

A request and its answer go over the queue's server to a worker and back. Both expire and may be lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

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


@dataclass(frozen=True, slots=True)
class AskedHover:
    """A request as a worker takes it. reply: names the place of its answer."""

    reply: str
    request: PreviewRequest


class HoverChannel(Protocol):
    """Hovers from the web process to a worker, and their answers."""

    def ask(self, request: PreviewRequest, *, timeout_s: float) -> HoverMask:
        """The worker's answer to a request with prompts of one object.

        Raises NotEncoded if a needed frame is not encoded, the worker's error, or ServiceUnavailable if no worker
        answers within timeout_s.
        """
        ...

    def next_request(self, timeout_s: float) -> AskedHover | None:
        """The oldest request that is still waited for; waits at most timeout_s for one."""
        ...

    def answer(self, asked: AskedHover, mask: HoverMask) -> None:
        """Sends the answer. Never raises."""
        ...

    def refuse(self, asked: AskedHover, reason: str) -> None:
        """Sends an error (domain.errors.reason_of). Never raises."""
        ...
