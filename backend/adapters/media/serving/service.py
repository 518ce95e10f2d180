"""Media that Masklet serves to browsers: videos in place, and pages decoded on demand."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.serving.addresses import Grant, Signer
from backend.adapters.media.serving.page_cache import PageCache, PageDecoder
from backend.application.imports.model import MEDIA_ID_DIGITS, SourceMedia, SourceMediaKind
from backend.application.ports.clock import Clock
from backend.domain.errors import NotFound
from backend.domain.tasks import MediaRef
from backend.domain.video import FrameIndex, VideoInfo

PNG_HEAD_BYTES = 26
"""Up to the bit depth and the colour type."""


@dataclass(frozen=True, slots=True)
class Served:
    """The answer to an address: a file or bytes. tag: the ETag; the same content always has the same tag."""

    media_type: str
    tag: str
    path: Path | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class MediaService:
    """Answers signed addresses of media."""

    signer: Signer
    records: ImportRecords
    page_decoder: PageDecoder
    cache: PageCache
    clock: Clock

    def grant(self, path: str) -> Grant:
        """The target of a signed address. path: with its leading /media/. Raises NotAllowed."""
        return self.signer.read(path, self.clock.now_s())

    def serve(self, grant: Grant) -> Served:
        """The file or page that an address leads to.

        Raises NotFound, MediaError, or MediaUnreachable (ask again).
        """
        medium = self.records.medium(grant.media_id)
        if self.records.is_elsewhere(medium):
            raise NotFound(
                f"{medium.name} is on another host than this web process; give all web processes its folder at one "
                "path, or import with --pages s3"
            )
        page = grant.page
        if page is None:
            return _whole(medium)
        if page >= medium.frame_count:
            raise NotFound(f"{medium.name} has {medium.frame_count} frames (0 to {medium.frame_count - 1}), not {page}")
        tag = f"{medium.media_id}-{page}"
        if medium.kind is SourceMediaKind.IMAGES and browsers_show(medium.picture(page)):
            return _file(medium.picture(page), tag)
        return Served("image/jpeg", tag, body=self._page(grant, page))

    def _page(self, grant: Grant, page: int) -> bytes:
        body = self.cache.get(grant.media_id, page)
        if body is None:
            body = self.page_decoder.page(grant.media_id, page)
            self.cache.put(grant.media_id, page, body)
        return body

    def picture(self, media: MediaRef, info: VideoInfo, frame: FrameIndex) -> Served:
        """A frame of a task's media, as the engine sees it. info: of the media.

        A page's tag and place in the cache follow from its address: Label Studio gives a changed upload a new one.
        Raises PromptError past the end, MediaError, MediaUnreachable (ask again).
        """
        info.require_frame(frame)
        name, number = info.content_hash[:MEDIA_ID_DIGITS], int(frame)
        if media.is_pages:
            name, number = hashlib.sha256(media.addresses[frame].encode()).hexdigest(), 0
        body = self.cache.get(name, number)
        if body is None:
            body = self.page_decoder.picture(media, "" if media.is_pages else info.content_hash, int(frame))
            self.cache.put(name, number, body)
        return Served("image/jpeg", f"{name}-{number}", body=body)

    def prepare(self) -> None:
        """Makes the first picture come sooner; someone is opening a task."""
        self.page_decoder.prepare()

    def close(self) -> None:
        self.page_decoder.close()


def _whole(medium: SourceMedia) -> Served:
    if medium.kind is not SourceMediaKind.VIDEO:
        raise NotFound(f"{medium.name} is a folder of images, not a video")
    status = medium.path.stat() if medium.path.is_file() else None
    if status is None or f"{status.st_size}-{status.st_mtime_ns}" != medium.stamp:
        raise NotFound(f"{medium.name} was moved or changed after it was imported; import it again")
    return _file(medium.path, medium.media_id)


def browsers_show(image: Path) -> bool:
    """Whether browsers show an image as it is: no TIFF, and no PNG of 16-bit grey, which 12 bits leave nearly black.

    A frame of an animated file, NAME.gif#3, is none: browsers play the file.
    """
    if image.suffix.lower().startswith(".tif") or "#" in image.suffix:
        return False
    if image.suffix.lower() != ".png" or not image.is_file():
        return True
    with image.open("rb") as file:
        head = file.read(PNG_HEAD_BYTES)
    return head[24:25] != b"\x10" or head[25:26] not in (b"\x00", b"\x04")


def _file(path: Path, tag: str) -> Served:
    if not path.is_file():
        raise NotFound(f"{path.name} was removed after it was imported; import it again")
    return Served(mimetypes.guess_type(path.name)[0] or "application/octet-stream", tag, path)
