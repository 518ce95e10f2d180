"""The process that cuts pages from videos for the web process: one question a line, one page an answer.

Asked `[media_id, frame]` in JSON on stdin; answers on stdout with `J` or `E`, eight bytes of length, and a JPEG file or
the error's record. It keeps the last few videos open, so that the next page of one is a step and not a jump.
"""

from __future__ import annotations

import json
import os
import sys
from collections import OrderedDict
from contextlib import suppress
from typing import BinaryIO

from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.index import IndexCache
from backend.adapters.media.source_media import jpeg_of, open_source_media
from backend.application.ports.media import VideoSource
from backend.bootstrap.container import Container
from backend.domain.errors import MaskletError, MediaError, reason_of
from backend.domain.video import FrameIndex

HELD_OPEN = 4


class OpenVideos:
    """The videos asked for last."""

    def __init__(self, records: ImportRecords, indices: IndexCache) -> None:
        self._records = records
        self._indices = indices
        self._open: OrderedDict[str, VideoSource] = OrderedDict()

    def page(self, media_id: str, frame: int) -> bytes:
        """Raises NotFound, MediaError, or PromptError for a frame that there is not."""
        video = self._open.pop(media_id, None)
        if video is None:
            video = open_source_media(self._records.medium(media_id), self._indices)
        self._open[media_id] = video
        while len(self._open) > HELD_OPEN:
            _, longest_unused = self._open.popitem(last=False)
            longest_unused.__exit__(None, None, None)
        return jpeg_of(video, video.info.require_frame(FrameIndex(frame)))


def serve(videos: OpenVideos, questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the questions end."""
    for line in questions:
        try:
            media_id, frame = json.loads(line)
            kind, body = b"J", videos.page(media_id, frame)
        except MaskletError as error:
            kind, body = b"E", reason_of(error).encode()
        except Exception as error:  # a decoder's surprise is this page's fault, not the next one's
            kind, body = b"E", reason_of(MediaError(f"the frame cannot be read: {error}")).encode()
        answers.write(kind + len(body).to_bytes(8, "big") + body)
        answers.flush()


def main() -> None:
    container = Container.from_environment()
    with suppress(OSError):
        os.nice(5)  # annotators wait for masks first
    serve(
        OpenVideos(container.import_records, IndexCache(container.folder.indices)), sys.stdin.buffer, sys.stdout.buffer
    )


if __name__ == "__main__":
    main()
