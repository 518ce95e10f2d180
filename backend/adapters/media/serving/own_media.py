"""Media that Masklet serves, opened by a worker on the host that has the file: read from disk, without HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from backend.adapters.media.decoder_pool import DecoderPool
from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.index import IndexCache
from backend.adapters.media.serving.addresses import PREFIX, VIDEO_LEAF, Grant, Signer
from backend.adapters.media.source_media import open_source_media
from backend.application.imports.model import SourceMedia, SourceMediaKind
from backend.application.ports.clock import Clock
from backend.application.ports.media import VideoSource
from backend.application.worker.frame_subset import FrameSubset
from backend.domain.errors import NotAllowed, NotFound
from backend.domain.tasks import MediaRef
from backend.domain.video import FrameIndex

BUCKET = "s3://"


@dataclass(frozen=True, slots=True)
class FoundMedia:
    """A medium that Masklet serves. frames: those of its addresses; None: all. is_here: whether this host has it."""

    media: MediaRef
    medium: SourceMedia
    frames: list[FrameIndex] | None
    is_here: bool

    @property
    def whole(self) -> MediaRef | None:
        """The video on another host that the addresses are pages of; None for anything else.

        Fetched whole it has the pixels that the host with the file has. A page is a JPEG, and a request of its own.
        """
        address, _, _ = self.media.addresses[0].rpartition("/")
        is_fetched = not self.is_here and self.medium.kind is SourceMediaKind.VIDEO and not address.startswith(BUCKET)
        if not is_fetched or self.frames is None or len(self.frames) < len(self.media.addresses):
            return None
        return MediaRef((f"{address}/{VIDEO_LEAF}",), is_pages=False)


class OwnMedia:
    """Opens the media of addresses with a valid signature; the host of an address does not matter."""

    def __init__(
        self,
        signer: Signer,
        records: ImportRecords,
        indices: IndexCache,
        clock: Clock,
        decoders: DecoderPool | None = None,
    ) -> None:
        """decoders: decode videos in processes of their own; None: in this one."""
        self._decoders = decoders
        self._signer = signer
        self._records = records
        self._indices = indices
        self._clock = clock

    def open(self, media: MediaRef) -> VideoSource | None:
        """The media, if all addresses are of one medium that Masklet serves from this host; else None.

        Raises MediaError if the file is missing or was changed, PromptError for a frame that does not exist.
        """
        found = self.find(media)
        return None if found is None or not found.is_here else self.open_found(found)

    def open_found(self, found: FoundMedia) -> VideoSource:
        """Media of this host. Raises as `open` does."""
        video = open_source_media(found.medium, self._indices, self._decoders)
        return video if found.frames is None else FrameSubset(video, found.frames)

    def find(self, media: MediaRef) -> FoundMedia | None:
        """The medium that all addresses are of, on whichever host; None for other media. Reads no file of theirs."""
        if PREFIX not in media.addresses[0] and not media.addresses[0].startswith(BUCKET):
            return None
        try:
            grants = [self._grant(address) for address in media.addresses]
            (media_id,) = {grant.media_id for grant in grants}
            medium = self._records.medium(media_id)
        except (NotAllowed, NotFound, ValueError):
            return None
        pages = [FrameIndex(grant.page) for grant in grants if grant.page is not None]
        has_pages = media.is_pages and grants[0].page is not None
        return FoundMedia(media, medium, pages if has_pages else None, not self._records.is_elsewhere(medium))

    def _grant(self, address: str) -> Grant:
        """The target of an address. Raises NotAllowed.

        Ignores the expiry time, which limits browsers: a job may last longer. A bucket's address has no signature; the
        medium's id authorizes it, for it is a hash of the content.
        """
        if not address.startswith(BUCKET):
            return self._signer.read(urlsplit(address).path, 0.0)
        *_, media_id, leaf = address.split("/")
        return Grant(media_id, leaf)
