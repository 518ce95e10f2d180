"""Shared downloads: who waits for whom, and when a download ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.adapters.media import fetch_pool
from backend.adapters.media.cache import CachedFile
from backend.adapters.media.fetch_pool import FetchPool, host_of
from backend.domain.errors import Cancelled, MediaUnreachable
from backend.domain.video import ContentHash


class Server:
    """Answers an address when it is opened; an address with `broken` in it fails."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.cancelled: list[str] = []
        self._lock = threading.Condition()
        self._open: set[str] = set()
        self.is_over = False

    def load(self, address: str, is_cancelled: Callable[[], bool]) -> CachedFile:
        with self._lock:
            self.asked.append(address)
            self._lock.notify_all()
            while address not in self._open and not self.is_over:
                if is_cancelled():
                    self.cancelled.append(address)
                    self._lock.notify_all()
                    raise Cancelled("nobody needs it")
                self._lock.wait(0.01)
        if "broken" in address:
            raise MediaUnreachable(f"{address} does not answer")
        return CachedFile(Path(address), ContentHash(address), 1, "")

    def open(self, *addresses: str) -> None:
        with self._lock:
            self._open.update(addresses)
            self._lock.notify_all()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self._lock:
            assert self._lock.wait_for(condition, 60)


@pytest.fixture
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.is_over = True


def start(pool: FetchPool, *addresses: str) -> fetch_pool.Fetch:
    return pool.start(addresses, [None] * len(addresses))


def test_files_come_in_the_order_of_the_addresses(server: Server) -> None:
    pool = FetchPool(server.load)
    known = CachedFile(Path("known"), ContentHash("known"), 1, "")
    fetch = pool.start(["a", "b", "a"], [None, known, None])
    assert not fetch.is_done
    server.open("a")
    assert [file.path.name for file in fetch.files()] == ["a", "known", "a"]
    assert server.asked == ["a"]


def test_without_a_missing_file_nothing_is_asked(server: Server) -> None:
    assert FetchPool(server.load).start((), ()).is_done
    assert server.asked == []


def test_two_who_want_one_address_share_its_download(server: Server) -> None:
    pool = FetchPool(server.load)
    first, second = start(pool, "a"), start(pool, "a")
    first.cancel()
    server.open("a")
    assert second.wait(60)
    assert server.asked == ["a"]
    assert server.cancelled == []


def test_a_download_that_nobody_needs_ends(server: Server) -> None:
    pool = FetchPool(server.load)
    fetch = start(pool, "a")
    server.wait_for(lambda: server.asked == ["a"])
    fetch.cancel()
    server.wait_for(lambda: server.cancelled == ["a"])
    again = start(pool, "a")
    server.open("a")
    assert again.wait(60)


def test_an_error_ends_the_fetch_at_once_and_is_raised(server: Server) -> None:
    fetch = start(FetchPool(server.load), "slow", "broken")
    server.open("broken")
    assert fetch.wait(60)
    with pytest.raises(MediaUnreachable, match="broken does not answer"):
        fetch.files()
    fetch.cancel()


def test_a_slow_host_holds_up_no_other(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_pool, "MAX_DOWNLOADS_OF_HOST", 2)
    pool = FetchPool(server.load)
    slow = [start(pool, f"https://slow/{number}") for number in range(10)]
    server.open("https://quick/1")
    assert start(pool, "https://quick/1").wait(60)
    assert len([address for address in server.asked if "slow" in address]) == 2
    server.open(*(f"https://slow/{number}" for number in range(10)))
    assert all(fetch.wait(60) for fetch in slow)


def test_a_task_of_many_pages_holds_up_no_other_of_its_host(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_pool, "MAX_DOWNLOADS_OF_HOST", 3)
    monkeypatch.setattr(fetch_pool, "MAX_DOWNLOADS_OF_FETCH", 2)
    pool = FetchPool(server.load)
    many = start(pool, *(f"/page/{number}" for number in range(10)))
    server.open("/clip")
    assert start(pool, "/clip").wait(60)
    many.cancel()


@pytest.mark.parametrize(
    ("address", "host"),
    [("/data/upload/1/a.mp4", ""), ("https://u:p@host:8080/a", "host:8080"), ("http://[", "")],
)
def test_hosts(address: str, host: str) -> None:
    assert host_of(address) == host
