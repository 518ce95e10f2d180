"""Media for workers: fetched through Label Studio's client into the cache, then opened as video or pages.

Connects the client and the cache, which do not import each other.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from backend.adapters.media.cache import CachedFile, MediaCache, pages_hash
from backend.adapters.media.decode import open_video
from backend.adapters.media.decoder_pool import DecoderPool
from backend.adapters.media.fetch_pool import Fetch, FetchPool
from backend.adapters.media.index import NOT_SHOWN, IndexCache
from backend.adapters.media.pages import open_some_pages
from backend.adapters.media.probe import REMEDY
from backend.adapters.media.serving.own_media import OwnMedia
from backend.application.exports.naming import file_of_address
from backend.application.ports.clock import Clock
from backend.application.ports.measuring.measures import looked_up
from backend.application.ports.media import MediaFetch, VideoSource
from backend.application.ports.video_wrapper import WrappedVideo
from backend.application.worker.frame_subset import FrameSubset
from backend.codecs.full_disk import full_disk_told
from backend.domain.errors import Cancelled, MaskletError, MediaError, MediaUnreachable, PromptError
from backend.domain.tasks import MediaRef
from backend.domain.video import ContentHash, FrameIndex

logger = logging.getLogger(__name__)

GIB = 2**30
FRESH_S = 300.0
"""Seconds for which a fetched file counts as current; after that its server is asked again. Label Studio gives a
changed upload a new address: this limit matters for files that are replaced in place."""

ASK_AGAIN_S = 30.0
"""How long a cached file is used whose server did not answer, before the server is asked again."""

CHUNK_BYTES = 2**20


class Download(Protocol):
    """One answer of a media server. unchanged: the caller's version is current, and nothing was written."""

    @property
    def validator(self) -> str: ...

    @property
    def length(self) -> int: ...

    @property
    def unchanged(self) -> bool: ...


class Sink(Protocol):
    """Where a download's bytes go."""

    def write(self, chunk: bytes, /) -> int: ...


class MediaClient(Protocol):
    """Label Studio's client, as far as media need it."""

    def download(self, address: str, sink: Sink, *, validator: str = "") -> Download: ...


class CachedMedia:
    """The MediaLibrary and MediaFetcher ports. Thread-safe. Fetches media in threads of its own."""

    def __init__(
        self,
        client: MediaClient | None,
        cache: MediaCache,
        indices: IndexCache,
        clock: Clock,
        *,
        own: OwnMedia | None = None,
        decoders: DecoderPool | None = None,
    ) -> None:
        """client: None if the settings name no Label Studio; then only cached media can be opened.

        own: media that Masklet serves from this machine.
        decoders: decode videos in separate processes; None: in this one.
        """
        self._own = own
        self._decoders = decoders
        self._client = client
        self._cache = cache
        self._indices = indices
        self._clock = clock
        self._checked_s: dict[str, float] = {}
        self._looked_at: set[ContentHash] = set()
        self._pool = FetchPool(self._load)

    def open(self, media: MediaRef, *, frames: Collection[FrameIndex] | None = None) -> VideoSource:
        """See the MediaLibrary port."""
        found = None if self._own is None else self._own.find(media)
        if self._own is not None and found is not None and found.is_here:
            return self._own.open_found(found)
        if found is not None and found.whole is not None and found.frames is not None:
            return FrameSubset(self.open(found.whole), found.frames)
        wanted = _wanted(media, frames)
        holds = ExitStack()
        try:
            files = self._fetched(media, wanted)
            paths = [holds.enter_context(self._cache.hold(file)) for file in files]
            hashes = {index: file.content_hash for index, file in zip(wanted, files, strict=True)}
            with _media_errors(media, wanted, paths):
                source = self._source(media, wanted, files, paths)
            if not media.is_pages:
                self._warn_of_seeks(media, files[0].content_hash)
            return HeldVideo(source, holds, hashes if media.is_pages else {})
        except BaseException:
            holds.close()
            raise

    def _source(
        self, media: MediaRef, wanted: Sequence[int], files: Sequence[CachedFile], paths: Sequence[Path]
    ) -> VideoSource:
        if not media.is_pages:
            content_hash = files[0].content_hash
            if self._decoders is not None:
                return self._decoders.open_video(paths[0], content_hash, indices=self._indices)
            return open_video(paths[0], content_hash, indices=self._indices, for_page=True)
        content_hash = pages_hash(file.content_hash for file in files)
        if len(wanted) < len(media.addresses):
            # The page numbers are part of the hash: several pages may hold the same image.
            content_hash = pages_hash([content_hash, ContentHash(repr(list(wanted)))])
        read = None if self._decoders is None else self._decoders.read_page
        pages = dict(zip(wanted, paths, strict=True))
        return open_some_pages(pages, content_hash, page_count=len(media.addresses), read=read)

    def _warn_of_seeks(self, media: MediaRef, content_hash: ContentHash) -> None:
        """Logs once that browsers do not show every frame of a video in its place."""
        if content_hash in self._looked_at:
            return
        self._looked_at.add(content_hash)
        index = self._indices.load(content_hash)
        if index is not None and index.inexact:
            name = _name_of(media.addresses[0])
            logger.warning("%s has %s, because of which %s; %s", name, index.inexact, NOT_SHOWN, REMEDY)

    def fetch(self, media: MediaRef, *, frames: Collection[FrameIndex] | None = None) -> MediaFetch:
        """See the MediaFetcher port."""
        found = None if self._own is None else self._own.find(media)
        if found is not None and found.is_here:
            return self._pool.start((), ())
        if found is not None and found.whole is not None:
            media, frames = found.whole, None
        return self._start(media, _wanted(media, frames))

    def _fetched(self, media: MediaRef, wanted: Sequence[int]) -> list[CachedFile]:
        fetch = self._start(media, wanted)
        try:
            return fetch.files()
        finally:
            fetch.cancel()

    def _start(self, media: MediaRef, wanted: Sequence[int]) -> Fetch:
        addresses = [media.addresses[index] for index in wanted]
        return self._pool.start(addresses, [self._current(address) for address in addresses])

    def _current(self, address: str) -> CachedFile | None:
        """The cached file of an address whose server need not be asked again."""
        if self._clock.monotonic_s() - self._checked_s.get(address, float("-inf")) >= FRESH_S:
            return None
        found = self._cache.find(address)
        if found is not None:
            looked_up("media", is_hit=True)
        return found

    def _load(self, address: str, is_cancelled: Callable[[], bool]) -> CachedFile:
        """The current file of an address: the cached one if its server says so, or does not answer."""
        now_s = self._clock.monotonic_s()
        known = self._cache.find(address)
        try:
            current = self._current(address) or self._download(address, known, is_cancelled)
            self._checked_s[address] = now_s
        except MediaUnreachable as error:
            if known is None or self._client is None:
                raise
            logger.warning("the cached media are used: %s", error)
            current, self._checked_s[address] = known, now_s - FRESH_S + ASK_AGAIN_S
        return current

    def _download(self, address: str, known: CachedFile | None, is_cancelled: Callable[[], bool]) -> CachedFile:
        if self._client is None:
            raise MediaUnreachable("no Label Studio is set; put its address in LABEL_STUDIO_URL to fetch media")
        with full_disk_told("the system's temporary folder"), tempfile.TemporaryFile() as file:
            landing = _Landing(file, is_cancelled)
            fetched = self._client.download(address, landing, validator=known.validator if known else "")
            looked_up("media", is_hit=fetched.unchanged and known is not None)
            if fetched.unchanged and known is not None:
                return known
            file.seek(0)
            logger.info("fetched %d bytes of media", fetched.length)
            return self._cache.put(address, _chunks(file), validator=fetched.validator)


class _Landing:
    """A file that a download is written into until it is cancelled."""

    def __init__(self, file: BinaryIO, is_cancelled: Callable[[], bool]) -> None:
        self._file = file
        self._is_cancelled = is_cancelled

    def write(self, chunk: bytes) -> int:
        if self._is_cancelled():
            raise Cancelled("nobody needs the media any more")
        return self._file.write(chunk)


class HeldVideo(WrappedVideo):
    """A video whose files are held in the cache while it is open."""

    def __init__(self, source: VideoSource, holds: ExitStack, page_hashes: Mapping[int, ContentHash]) -> None:
        """page_hashes: the content hash of each page; empty for a video."""
        super().__init__(source)
        self._holds = holds
        self._page_hashes = page_hashes

    def frame_hash(self, index: int) -> ContentHash:
        """The content hash of a frame: of its page, which does not depend on the other opened pages, or the video's."""
        return self._page_hashes.get(index, self._source.info.content_hash)

    def __enter__(self) -> Self:
        self._source.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._holds:
            self._source.__exit__(kind, error, trace)


@contextmanager
def _media_errors(media: MediaRef, wanted: Sequence[int], paths: Sequence[Path]) -> Iterator[None]:
    """A library's own error about a file is the file's fault: raises MediaError with the file's name.

    paths: of the files in the cache, whose names say nothing to people.
    """
    try:
        yield
    except MediaError as error:
        text = str(error)
        for position, path in zip(wanted, paths, strict=True):
            text = text.replace(path.name, _name_of(media.addresses[position]))
        if text == str(error):
            raise
        raise MediaError(text) from error
    except (MaskletError, OSError, MemoryError):
        raise
    except Exception as error:
        name = _name_of(media.addresses[wanted[0]])
        raise MediaError(f"{name} cannot be read: {type(error).__name__}: {error}") from error


def _wanted(media: MediaRef, frames: Collection[FrameIndex] | None) -> Sequence[int]:
    """Positions in media.addresses to fetch. Raises PromptError for a page that does not exist."""
    every = range(len(media.addresses))
    if not media.is_pages or frames is None:
        return every
    for index in frames:
        if index not in every:
            raise PromptError(f"frame {index} is not in the task: it has {len(every)} pages (0 to {len(every) - 1})")
    return sorted(frames)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def _name_of(address: str) -> str:
    """The file's name in an address, for messages."""
    return file_of_address(address)[:100] or "the media"
