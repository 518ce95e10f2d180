"""What web process and workers tell each other in passing, in memory."""

from __future__ import annotations

from backend.application.ports.prewarm import MediaStatus, PrewarmRequest
from backend.domain.tasks import MediaRef


class FakePrewarmChannel:
    """A WarmBoard. wishes: those that wait, newest first."""

    def __init__(self) -> None:
        self.wishes: list[PrewarmRequest] = []
        self.asked: list[PrewarmRequest] = []
        self.sights: dict[MediaRef, MediaStatus] = {}

    def request(self, wish: PrewarmRequest) -> None:
        self.asked.append(wish)
        self.wishes.insert(0, wish)

    def next_request(self, timeout_s: float) -> PrewarmRequest | None:
        return self.wishes.pop(0) if self.wishes else None

    def report(self, media: MediaRef, sight: MediaStatus) -> None:
        self.sights[media] = sight

    def status(self, media: MediaRef) -> MediaStatus | None:
        return self.sights.get(media)


class FakeSessionCursors:
    """SessionMarks that keep everything until told to forget."""

    def __init__(self) -> None:
        self.kept: dict[str, int] = {}

    def set_cursor(self, session_id: str, cursor: int) -> None:
        self.kept[session_id] = cursor

    def cursor(self, session_id: str) -> int | None:
        return self.kept.get(session_id)
