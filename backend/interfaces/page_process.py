"""The process that cuts pages from videos for the web process: one question a line, one page an answer.

Asked in JSON on stdin: `[media_id, frame]` for media of imports, or an object with addresses, is_pages, content_hash
and frame for media of any task, which are fetched as a worker fetches them; with masks, it makes a small picture with
these masks. Answers on stdout with `J` or `E`, eight bytes of length, and a JPEG file or the error's record. It keeps
the last few videos open, so that the next page of one is a step and not a jump.
"""

from __future__ import annotations

import json
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, BinaryIO

from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.index import IndexCache
from backend.adapters.media.library import HeldVideo
from backend.adapters.media.source_media import jpeg_of, open_source_media
from backend.adapters.report.thumbnails import thumbnail_jpeg
from backend.application.ports.media import MediaLibrary, VideoSource
from backend.bootstrap.container import Container
from backend.bootstrap.media import open_media_library
from backend.codecs.coco_rle import decode_mask
from backend.domain.errors import MaskletError, MediaError, MediaUnreachable, reason_of
from backend.domain.masklets import EncodedMask
from backend.domain.tasks import MediaRef
from backend.domain.video import FrameIndex

HELD_OPEN = 4

Draw = Callable[[VideoSource, FrameIndex], bytes]
"""Makes an image file of a frame."""


class OpenVideos:
    """The videos asked for last."""

    def __init__(self, records: ImportRecords, indices: IndexCache, library: MediaLibrary | None = None) -> None:
        """library: opens media of tasks; None: only media of imports can be asked for."""
        self._records = records
        self._indices = indices
        self._library = library
        self._open: OrderedDict[str | MediaRef, VideoSource] = OrderedDict()

    def page(self, media_id: str, frame: int) -> bytes:
        """Raises NotFound, MediaError, or PromptError for a frame that there is not."""
        video = self._open.pop(media_id, None)
        if video is None:
            video = open_source_media(self._records.medium(media_id), self._indices)
        self._keep(media_id, video)
        return jpeg_of(video, video.info.require_frame(FrameIndex(frame)))

    def picture(self, media: MediaRef, content_hash: str, frame: int, draw: Draw = jpeg_of) -> bytes:
        """A frame of a task's media. content_hash: of the expected video; empty for pages. draw: makes the file.

        Raises as `page` does, and MediaUnreachable if the address has another video by now or cannot be fetched.
        """
        video = self._open.pop(media, None)
        if video is not None and content_hash not in ("", video.info.content_hash):
            video.__exit__(None, None, None)
            video = None
        if video is None:
            video = self._opened(media, frame)
        if content_hash not in ("", video.info.content_hash):
            video.__exit__(None, None, None)
            raise MediaUnreachable("the video was replaced by another one; open the task again")
        if media.is_pages and isinstance(video, HeldVideo):  # fetched for this page alone
            with video:
                return draw(video, FrameIndex(frame))
        self._keep(media, video)
        return draw(video, video.info.require_frame(FrameIndex(frame)))

    def thumbnail(self, media: MediaRef, content_hash: str, frame: int, masks: Sequence[EncodedMask | None]) -> bytes:
        """A small picture of a frame with masks in it. Raises as `picture` does."""

        def drawn(video: VideoSource, index: FrameIndex) -> bytes:
            return thumbnail_jpeg(video.frame(index), [None if mask is None else decode_mask(mask) for mask in masks])

        return self.picture(media, content_hash, frame, drawn)

    def _opened(self, media: MediaRef, frame: int) -> VideoSource:
        if self._library is None:
            raise MediaUnreachable("media of tasks cannot be opened here")
        return self._library.open(media, frames=[FrameIndex(frame)])

    def _keep(self, name: str | MediaRef, video: VideoSource) -> None:
        self._open[name] = video
        while len(self._open) > HELD_OPEN:
            _, longest_unused = self._open.popitem(last=False)
            longest_unused.__exit__(None, None, None)


def serve(videos: OpenVideos, questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the questions end."""
    for line in questions:
        try:
            kind, body = b"J", _answer(videos, json.loads(line))
        except MaskletError as error:
            kind, body = b"E", reason_of(error).encode()
        except Exception as error:  # a decoder's surprise is this page's fault, not the next one's
            kind, body = b"E", reason_of(MediaError(f"the frame cannot be read: {error}")).encode()
        answers.write(kind + len(body).to_bytes(8, "big") + body)
        answers.flush()


def _answer(videos: OpenVideos, question: Any) -> bytes:  # noqa: ANN401  (JSON of the web process)
    if isinstance(question, list):
        media_id, frame = question
        return videos.page(media_id, frame)
    media = MediaRef(tuple(question["addresses"]), question["is_pages"])
    if "masks" in question:
        masks = [None if mask is None else EncodedMask(*mask) for mask in question["masks"]]
        return videos.thumbnail(media, question["content_hash"], question["frame"], masks)
    return videos.picture(media, question["content_hash"], question["frame"])


def main() -> None:
    container = Container.from_environment()
    with suppress(OSError):
        os.nice(5)  # annotators wait for masks first
    videos = OpenVideos(container.import_records, IndexCache(container.folder.indices), open_media_library(container))
    serve(videos, sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
