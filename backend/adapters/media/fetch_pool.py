"""Downloads of media in threads of their own, shared between those who want the same address.

One host gets a part of the threads, and one fetch a part of its host's: a slow address holds up neither other addresses
nor those who need none. A download ends soon after nobody needs it any more. The time that one takes is bounded by
whoever downloads.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from backend.adapters.media.cache import CachedFile
from backend.domain.errors import Cancelled

logger = logging.getLogger(__name__)

MAX_DOWNLOADS = 48
MAX_DOWNLOADS_OF_HOST = 16
MAX_DOWNLOADS_OF_FETCH = 6


class Load(Protocol):
    """Downloads an address into the cache; raises Cancelled soon after is_cancelled has become true."""

    def __call__(self, address: str, is_cancelled: Callable[[], bool]) -> CachedFile: ...


@dataclass(eq=False, slots=True)
class _Download:
    address: str
    host: str
    first_user: Fetch
    users: list[Fetch] = field(default_factory=list)
    file: CachedFile | None = None
    error: BaseException | None = None

    @property
    def is_cancelled(self) -> bool:
        return not self.users


class Fetch:
    """The MediaFetch port: some addresses, in their order."""

    def __init__(self, pool: FetchPool, known: Sequence[CachedFile | None]) -> None:
        """known: the files that need no download; None: those that do."""
        self._pool = pool
        self._known = list(known)
        self._downloads: dict[int, _Download] = {}
        self._ended = threading.Event()

    @property
    def is_done(self) -> bool:
        return self._ended.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        return self._ended.wait(timeout_s)

    def raise_error(self) -> None:
        for download in self._downloads.values():
            if download.error is not None:
                raise download.error

    def files(self) -> list[CachedFile]:
        """The files, in the order of the addresses. Waits for the end; raises as raise_error does."""
        self._ended.wait()
        self.raise_error()
        made = {position: download.file for position, download in self._downloads.items()}
        found = [made.get(position, known) for position, known in enumerate(self._known)]
        return [file for file in found if file is not None]

    def cancel(self) -> None:
        self._pool.leave(self)

    def look(self) -> None:
        """Ends with the last download, or with the first that failed. Called under the pool's lock."""
        downloads = self._downloads.values()
        if all(one.file is not None for one in downloads) or any(one.error is not None for one in downloads):
            self._ended.set()


class FetchPool:
    """Runs downloads in daemon threads: one that hangs does not hold up the process's end."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._by_address: dict[str, _Download] = {}
        self._pending: list[_Download] = []
        self._of_host: Counter[str] = Counter()
        self._of_fetch: Counter[Fetch] = Counter()

    def start(self, addresses: Sequence[str], known: Sequence[CachedFile | None]) -> Fetch:
        """Fetches the addresses whose file is not known."""
        fetch = Fetch(self, known)
        with self._lock:
            for position, address in enumerate(addresses):
                if known[position] is None:
                    fetch._downloads[position] = self._wanted(address, fetch)
            fetch.look()
            self._start_more()
        return fetch

    def leave(self, fetch: Fetch) -> None:
        """A fetch needs its downloads no more. Those that have not begun are dropped."""
        with self._lock:
            for download in fetch._downloads.values():
                if fetch in download.users:
                    download.users.remove(fetch)
            for download in [one for one in self._pending if one.is_cancelled]:
                self._pending.remove(download)
                self._end(download, Cancelled("nobody needs the media any more"))

    def _wanted(self, address: str, fetch: Fetch) -> _Download:
        download = self._by_address.get(address)
        if download is None or download.is_cancelled:
            download = _Download(address, host_of(address), fetch)
            self._by_address[address] = download
            self._pending.append(download)
        if fetch not in download.users:
            download.users.append(fetch)
        return download

    def _start_more(self) -> None:
        while self._of_host.total() < MAX_DOWNLOADS:
            free = [
                one
                for one in self._pending
                if self._of_host[one.host] < MAX_DOWNLOADS_OF_HOST
                and self._of_fetch[one.first_user] < MAX_DOWNLOADS_OF_FETCH
            ]
            if not free:
                return
            download = min(free, key=lambda one: self._of_fetch[one.first_user])
            self._pending.remove(download)
            self._of_host[download.host] += 1
            self._of_fetch[download.first_user] += 1
            threading.Thread(target=self._run, args=(download,), name=f"fetch-{download.host}", daemon=True).start()

    def _run(self, download: _Download) -> None:
        error: BaseException | None = None
        try:
            download.file = self._load(download.address, lambda: download.is_cancelled)
        except Exception as caught:  # whoever waits gets it
            error = caught
        with self._lock:
            self._of_host[download.host] -= 1
            self._of_fetch[download.first_user] -= 1
            self._of_host, self._of_fetch = +self._of_host, +self._of_fetch  # without those at 0
            self._end(download, error)
            self._start_more()

    def _end(self, download: _Download, error: BaseException | None) -> None:
        download.error = error
        if self._by_address.get(download.address) is download:
            del self._by_address[download.address]
        for fetch in download.users:
            fetch.look()


def host_of(address: str) -> str:
    """The host of an address; empty for a path, which is Label Studio's."""
    try:
        return urlsplit(address).netloc.rpartition("@")[2]
    except ValueError:
        return ""
