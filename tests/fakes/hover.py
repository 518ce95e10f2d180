"""Hovers in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.application.ports.hover import AskedHover, HoverMask
from backend.domain.errors import ServiceUnavailable, error_of
from backend.domain.jobs import PreviewRequest

if TYPE_CHECKING:
    from backend.application.worker.hover_loop import HoverLoop


class FakeHoverChannel:
    """A HoverChannel. A request is answered at once by the loop, in the thread of `ask`; loop None: by no worker."""

    def __init__(self) -> None:
        self.loop: HoverLoop | None = None
        self.waiting: list[AskedHover] = []
        self.answers: dict[str, HoverMask | str] = {}

    def ask(self, request: PreviewRequest, *, timeout_s: float) -> HoverMask:
        name = str(len(self.answers))
        self.waiting.append(AskedHover(name, request))
        if self.loop is None or not self.loop.run_next(0.0):
            raise ServiceUnavailable(f"no worker answered within {timeout_s:g} s")
        answer = self.answers[name]
        if isinstance(answer, str):
            raise error_of(answer)
        return answer

    def next_request(self, timeout_s: float) -> AskedHover | None:
        return self.waiting.pop(0) if self.waiting else None

    def answer(self, asked: AskedHover, mask: HoverMask) -> None:
        self.answers[asked.reply] = mask

    def refuse(self, asked: AskedHover, reason: str) -> None:
        self.answers[asked.reply] = reason
