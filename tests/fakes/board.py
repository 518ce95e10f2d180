"""What web process and workers tell each other in passing, in memory."""

from __future__ import annotations

from backend.application.ports.prewarm import Sight, Wish
from backend.domain.tasks import MediaRef


class FakeBoard:
    """A WarmBoard. wishes: those that wait, newest first."""

    def __init__(self) -> None:
        self.wishes: list[Wish] = []
        self.asked: list[Wish] = []
        self.sights: dict[MediaRef, Sight] = {}

    def ask(self, wish: Wish) -> None:
        self.asked.append(wish)
        self.wishes.insert(0, wish)

    def take(self, timeout_s: float) -> Wish | None:
        return self.wishes.pop(0) if self.wishes else None

    def tell(self, media: MediaRef, sight: Sight) -> None:
        self.sights[media] = sight

    def look(self, media: MediaRef) -> Sight | None:
        return self.sights.get(media)


class FakeMarks:
    """SessionMarks that keep everything until told to forget."""

    def __init__(self) -> None:
        self.kept: dict[str, int] = {}

    def mark(self, session_id: str, cursor: int) -> None:
        self.kept[session_id] = cursor

    def marked(self, session_id: str) -> int | None:
        return self.kept.get(session_id)
