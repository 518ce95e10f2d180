"""Requests to a worker in memory."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from backend.application.ports.requests.channel import AskedRequest
from backend.domain.errors import ServiceUnavailable, error_of

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class AnsweringLoop(Protocol):
    def run_next(self, timeout_s: float) -> bool: ...


class FakeRequestChannel(Generic[Request, Answer]):
    """A RequestChannel. A request is answered at once by the loop, in the thread of `ask`; loop None: by no worker."""

    def __init__(self) -> None:
        self.loop: AnsweringLoop | None = None
        self.waiting: list[AskedRequest[Request]] = []
        self.answers: dict[str, Answer | str] = {}

    def ask(self, request: Request, *, timeout_s: float) -> Answer:
        name = str(len(self.answers))
        self.waiting.append(AskedRequest(name, request, timeout_s))
        if self.loop is None or not self.loop.run_next(0.0):
            raise ServiceUnavailable(f"no worker answered within {timeout_s:g} s")
        answer = self.answers[name]
        if isinstance(answer, str):
            raise error_of(answer)
        return answer

    def next_request(self, timeout_s: float) -> AskedRequest[Request] | None:
        return self.waiting.pop(0) if self.waiting else None

    def answer(self, asked: AskedRequest[Request], answer: Answer) -> None:
        self.answers[asked.reply] = answer

    def refuse(self, asked: AskedRequest[Request], reason: str) -> None:
        self.answers[asked.reply] = reason
