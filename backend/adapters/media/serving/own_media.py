"""Media that Masklet serves, opened by a worker on the host that has the file: read from disk, without HTTP."""

from __future__ import annotations

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
        """The media, if all addresses are of one medium that Masklet serves; else None: they must be fetched.

        Raises MediaError if the file is missing or was changed, PromptError for a frame that does not exist.
        """
        found = self._find(media)
        if found is None:
            return None
        medium, pages = found
        video = open_source_media(medium, self._indices, self._decoders)
        if not media.is_pages or pages[0] is None:
            return video
        return FrameSubset(video, [FrameIndex(page) for page in pages if page is not None])

    def whole_of(self, media: MediaRef) -> tuple[MediaRef, list[FrameIndex]] | None:
        """The video on another host that all addresses are pages of, and the pages' frames; None for anything else.

        Fetched whole it has the pixels that the host with the file has. A page is a JPEG, and a request of its own.
        """
        targets = self._targets(media)
        if targets is None or not media.is_pages or media.addresses[0].startswith(BUCKET):
            return None
        medium, pages = targets
        frames = [FrameIndex(page) for page in pages if page is not None]
        is_fetched = medium.kind is SourceMediaKind.VIDEO and self._records.is_elsewhere(medium)
        if not is_fetched or len(frames) < len(pages):
            return None
        address = f"{media.addresses[0].rpartition('/')[0]}/{VIDEO_LEAF}"
        return MediaRef((address,), is_pages=False), frames

    def owns(self, media: MediaRef) -> bool:
        """Whether `open` opens them. Reads no file of theirs."""
        return self._find(media) is not None

    def _find(self, media: MediaRef) -> tuple[SourceMedia, list[int | None]] | None:
        """The medium on this host, and per address its page."""
        targets = self._targets(media)
        return None if targets is None or self._records.is_elsewhere(targets[0]) else targets

    def _targets(self, media: MediaRef) -> tuple[SourceMedia, list[int | None]] | None:
        """The medium of all addresses, and per address its page."""
        if PREFIX not in media.addresses[0] and not media.addresses[0].startswith(BUCKET):
            return None
        try:
            grants = [self._grant(address) for address in media.addresses]
            (media_id,) = {grant.media_id for grant in grants}
            medium = self._records.medium(media_id)
        except (NotAllowed, NotFound, ValueError):
            return None
        return medium, [grant.page for grant in grants]

    def _grant(self, address: str) -> Grant:
        """The target of an address. Raises NotAllowed.

        Ignores the expiry time, which limits browsers: a job may last longer. A bucket's address has no signature; the
        medium's id authorizes it, for it is a hash of the content.
        """
        if not address.startswith(BUCKET):
            return self._signer.read(urlsplit(address).path, 0.0)
        *_, media_id, leaf = address.split("/")
        return Grant(media_id, leaf)
