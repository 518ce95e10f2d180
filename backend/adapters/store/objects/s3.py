"""Objects in an S3-compatible store, by obstore, with a cache on this machine's disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, TypeVar

from backend.adapters.store.objects.objects import Change
from backend.adapters.store.objects.s3_errors import store_errors
from backend.application.ports.measuring.measures import MASK_CACHE, looked_up
from backend.application.ports.progress import work_moved
from backend.codecs.file_cache import FileCache
from backend.domain.errors import IntegrityError, NotFound, StoreRefused, StoreUnavailable

if TYPE_CHECKING:
    from obstore.store import S3Store

T = TypeVar("T")

AT_ONCE = 8
"""Requests of a process that are under way at once."""

AHEAD = 6
"""Objects that are fetched while the one before is read."""

CREATE_TRIES = 3

DIGEST_BYTES = 32

STILL_ALIVE_S = 1.0


class S3Objects:
    """Objects below a folder of a store. Thread-safe; for several machines.

    store: has the bucket and the prefix. place: its address, for messages. cache: of objects that are written once.
    """

    is_shared = True

    def __init__(self, store: S3Store, place: str, folder: str, cache: FileCache | None = None) -> None:
        self._store = store
        self.place = place
        self._folder = folder
        self._cache = cache

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="store")

    def open(self, folder: str) -> None:
        """Folders need no preparation."""

    def get(self, key: str) -> bytes | None:
        import obstore

        try:
            with store_errors(self.place, "be read", may_be_absent=True):
                return obstore.get(self._store, self._path(key)).bytes().to_bytes()
        except FileNotFoundError:
            return None

    def read(self, keys: Sequence[str]) -> Iterator[bytes | None]:
        """A few are fetched ahead, so that a reader waits for one answer, not for one after each object."""
        fetches: deque[Future[bytes | None]] = deque()
        try:
            for key in keys:
                fetches.append(self._threads.submit(self._cached, key))
                if len(fetches) > AHEAD:
                    yield _result(fetches.popleft())
            while fetches:
                yield _result(fetches.popleft())
        finally:
            for fetch in fetches:
                fetch.cancel()

    def _cached(self, key: str) -> bytes | None:
        """Objects that are written once. A cached copy has its digest: a damaged one counts as none."""
        if self._cache is None:
            return self.get(key)
        kept = self._cache.get(key)
        is_good = kept is not None and sha256(kept[DIGEST_BYTES:]).digest() == kept[:DIGEST_BYTES]
        looked_up(MASK_CACHE, is_hit=is_good)
        if kept is not None and is_good:
            return kept[DIGEST_BYTES:]
        body = self.get(key)
        if body is not None:
            self._cache.put(key, sha256(body).digest() + body)
        return body

    def put(self, key: str, body: bytes) -> None:
        _result(self._threads.submit(self._put, key, body))

    def put_if_absent(self, key: str, body: bytes, *, synced: bool = True) -> bool:
        """An answer that got lost leaves open whether the object was written: then it is compared."""
        tries = 1
        while True:
            try:
                return self._create(key, body) or self.get(key) == body
            except StoreUnavailable as error:
                if tries == CREATE_TRIES or isinstance(error, StoreRefused):
                    raise
            tries += 1
            work_moved()

    def _create(self, key: str, body: bytes) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with store_errors(self.place, "be written to"):
            try:
                obstore.put(self._store, self._path(key), body, mode="create", use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return False
        return True

    def _put(self, key: str, body: bytes) -> None:
        import obstore

        with store_errors(self.place, "be written to"):
            obstore.put(self._store, self._path(key), body)

    def _copy(self, source: str, key: str) -> None:
        """Within the store. Raises IntegrityError if the source is gone."""
        import obstore

        try:
            with store_errors(self.place, "be written to", may_be_absent=True):
                obstore.copy(self._store, self._path(source), self._path(key))
        except FileNotFoundError:
            raise IntegrityError(f"{source} went away while it was read; run the job again") from None

    def uploads(self) -> S3Uploads:
        return S3Uploads(self._threads, self._put, self._copy)

    def names(self, folder: str) -> tuple[str, ...]:
        return tuple(sorted(name for found, name, _ in self._listed(folder) if found == folder))

    def folders(self) -> tuple[str, ...]:
        import obstore

        with store_errors(self.place, "be listed"):
            found = obstore.list_with_delimiter(self._store, self._folder)["common_prefixes"]
        return tuple(sorted(path.rpartition("/")[2] for path in found))

    def changes(self, mark: str) -> Iterator[Change]:
        """Lists all objects, a thousand a request, and keeps a line a folder."""
        changed_s: dict[str, float] = {}
        marked = set()
        for folder, name, at_s in self._listed(""):
            changed_s[folder] = max(at_s, changed_s.get(folder, 0.0))
            if name == mark:
                marked.add(folder)
        return (Change(folder, at_s, folder in marked) for folder, at_s in sorted(changed_s.items()))

    def _listed(self, folder: str) -> Iterator[tuple[str, str, float]]:
        """Folder, name and time of the last write of each object of one folder, or of all."""
        import obstore

        with store_errors(self.place, "be listed"):
            for page in obstore.list(self._store, self._path(folder) if folder else self._folder, chunk_size=1000):
                work_moved()
                for each in page:
                    found, _, name = each["path"].removeprefix(f"{self._folder}/").partition("/")
                    yield found, name, each["last_modified"].timestamp()

    def delete(self, keys: Sequence[str]) -> None:
        import obstore

        if keys:
            with suppress(FileNotFoundError), store_errors(self.place, "be written to", may_be_absent=True):
                obstore.delete(self._store, [self._path(key) for key in keys])

    def remove(self, folder: str, *, first: str) -> None:
        names = self.names(folder)
        if first in names:
            self.delete([f"{folder}/{first}"])
        self.delete([f"{folder}/{name}" for name in names if name != first])

    def put_file(self, key: str, path: Path) -> None:
        """Writes a file's content, of any size, in parts. Readers see all of it or nothing."""
        import obstore

        with store_errors(self.place, "be written to"):
            obstore.put(self._store, self._path(key), path)

    def read_part(self, key: str, start: int, stop: int) -> bytes:
        """Bytes of an object. Raises NotFound if it is not there."""
        import obstore

        try:
            with store_errors(self.place, "be read", may_be_absent=True):
                return obstore.get_range(self._store, self._path(key), start=start, end=stop).to_bytes()
        except FileNotFoundError:
            raise NotFound(f"{self.place} does not have {key} any more") from None

    def _path(self, key: str) -> str:
        return f"{self._folder}/{key}"


class S3Uploads:
    """Writes in threads: a writer waits at its next flush, or when AT_ONCE are under way."""

    def __init__(
        self,
        threads: ThreadPoolExecutor,
        put: Callable[[str, bytes], None],
        copy: Callable[[str, str], None],
    ) -> None:
        self._threads = threads
        self._put = put
        self._copy = copy
        self._places = BoundedSemaphore(AT_ONCE)
        self._begun: deque[Future[None]] = deque()

    def put(self, key: str, body: bytes) -> None:
        self._begin(partial(self._put, key, body))

    def copy(self, source: str, key: str) -> None:
        self._begin(partial(self._copy, source, key))

    def _begin(self, work: Callable[[], None]) -> None:
        while self._begun and self._begun[0].done():
            self._begun.popleft().result()
        while not self._places.acquire(timeout=STILL_ALIVE_S):
            work_moved()
        future = self._threads.submit(work)
        future.add_done_callback(lambda _: self._places.release())
        self._begun.append(future)

    def shown(self) -> None:
        while self._begun:
            _result(self._begun.popleft())

    def settled(self) -> None:
        self.shown()

    def close(self) -> None:
        while wait(self._begun, STILL_ALIVE_S).not_done:
            work_moved()
        self._begun.clear()


def _result(future: Future[T]) -> T:
    """Each request ends by its own time limit: who waits for it is not hung."""
    while not wait([future], STILL_ALIVE_S).done:
        work_moved()
    return future.result()
