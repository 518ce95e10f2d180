"""Requests from the web process to a worker, and their answers. Both expire and may be lost: nothing is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class AskedRequest(Generic[Request]):
    """A request as a worker takes it. reply: the place of its answer. wait_s: how long the answer is waited for."""

    reply: str
    request: Request
    wait_s: float


class RequestChannel(Protocol[Request, Answer]):
    """The requests of one kind."""

    def ask(self, request: Request, *, timeout_s: float) -> Answer:
        """The worker's answer.

        Raises the worker's error, or ServiceUnavailable if no worker answers within timeout_s.
        """
        ...

    def next_request(self, timeout_s: float) -> AskedRequest[Request] | None:
        """The oldest request that is still waited for; waits at most timeout_s for one."""
        ...

    def answer(self, asked: AskedRequest[Request], answer: Answer) -> None:
        """Sends the answer. Never raises."""
        ...

    def refuse(self, asked: AskedRequest[Request], reason: str) -> None:
        """Sends an error (domain.errors.reason_of). Never raises."""
        ...
