"""Media that Masklet serves, opened by a worker on the same data folder: read where they lie, without HTTP."""

from __future__ import annotations

from urllib.parse import urlsplit

from backend.adapters.media.frame_subset import FrameSubset
from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.index import IndexCache
from backend.adapters.media.serving.addresses import PREFIX, Grant, Signer
from backend.adapters.media.source_media import open_source_media
from backend.application.ports.clock import Clock
from backend.application.ports.media import VideoSource
from backend.domain.errors import NotAllowed, NotFound
from backend.domain.tasks import MediaRef
from backend.domain.video import FrameIndex

BUCKET = "s3://"


class OwnMedia:
    """Knows its own addresses by their signature, whatever host they name."""

    def __init__(self, signer: Signer, records: ImportRecords, indices: IndexCache, clock: Clock) -> None:
        self._signer = signer
        self._records = records
        self._indices = indices
        self._clock = clock

    def open(self, media: MediaRef) -> VideoSource | None:
        """The media if they are all of one medium of ours; None if they are somebody else's to fetch.

        Raises MediaError if the file is gone or was changed, PromptError for a frame that there is not.
        """
        if PREFIX not in media.addresses[0] and not media.addresses[0].startswith(BUCKET):
            return None
        try:
            grants = [self._grant(address) for address in media.addresses]
            (media_id,) = {grant.media_id for grant in grants}
            medium = self._records.medium(media_id)
        except (NotAllowed, NotFound, ValueError):
            return None
        video = open_source_media(medium, self._indices)
        pages = [grant.page for grant in grants]
        if not media.is_pages or pages[0] is None:
            return video
        return FrameSubset(video, [FrameIndex(page) for page in pages if page is not None])

    def _grant(self, address: str) -> Grant:
        """What an address asks for; its end is for browsers, work may take longer. Raises NotAllowed.

        A bucket's address has no signature: its medium's id, which only who knows the content knows, stands for it.
        """
        if not address.startswith(BUCKET):
            return self._signer.read(urlsplit(address).path, 0.0)
        *_, media_id, leaf = address.split("/")
        return Grant(media_id, leaf)
