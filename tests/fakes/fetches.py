"""A media library whose media arrive when a test says so."""

from __future__ import annotations

from collections.abc import Collection

from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.engine import FakeMedia


class FakeFetch:
    """A fetch that a test ends. error: what it met."""

    def __init__(self) -> None:
        self.is_done = False
        self.is_cancelled = False
        self.error: Exception | None = None

    def wait(self, timeout_s: float) -> bool:
        return self.is_done

    def raise_error(self) -> None:
        if self.error is not None:
            raise self.error

    def cancel(self) -> None:
        self.is_cancelled = True


class FetchedMedia(FakeMedia):
    """Media at addresses in `slow` are on their way until a test ends their fetch; the others are here."""

    def __init__(self) -> None:
        super().__init__()
        self.slow: set[str] = set()
        self.fetches: list[FakeFetch] = []

    def fetch(
        self, media: MediaRef, *, task: TaskKey | None, frames: Collection[FrameIndex] | None = None
    ) -> FakeFetch:
        fetch = FakeFetch()
        fetch.is_done = self.slow.isdisjoint(media.addresses)
        self.fetches.append(fetch)
        return fetch

    def arrive(self) -> None:
        """Ends all fetches."""
        self.slow.clear()
        for fetch in self.fetches:
            fetch.is_done = True
