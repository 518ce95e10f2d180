"""Prewarm channel and session cursors in memory."""

from __future__ import annotations

from backend.application.ports.requests.prewarm import MediaStatus, PrewarmRequest
from backend.domain.tasks import MediaRef


class FakePrewarmChannel:
    """A PrewarmChannel. requests: the waiting requests, newest first. asked: all requests, oldest first."""

    def __init__(self) -> None:
        self.requests: list[PrewarmRequest] = []
        self.asked: list[PrewarmRequest] = []
        self.statuses: dict[MediaRef, MediaStatus] = {}

    def request(self, request: PrewarmRequest) -> None:
        self.asked.append(request)
        self.requests.insert(0, request)

    def next_request(self, timeout_s: float) -> PrewarmRequest | None:
        return self.requests.pop(0) if self.requests else None

    def report(self, media: MediaRef, status: MediaStatus) -> None:
        self.statuses[media] = status

    def status(self, media: MediaRef) -> MediaStatus | None:
        return self.statuses.get(media)


class FakeSessionCursors:
    """SessionCursors without expiry."""

    def __init__(self) -> None:
        self.kept: dict[str, int] = {}

    def set_cursor(self, session_id: str, cursor: int) -> None:
        self.kept[session_id] = cursor

    def cursor(self, session_id: str) -> int | None:
        return self.kept.get(session_id)
