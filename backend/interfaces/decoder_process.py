"""The process that decodes for a worker: one question a line on stdin, one answer on stdout.

Questions are JSON objects: `index` and `frame` of a video, `page` (an image), `stream` (a range of frames) and `next`
(frame of the stream). Answers: adapters/media/decoder_pool.py. The next frame of a stream is decoded while its reader
computes.
"""

from __future__ import annotations

import json
import logging
import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from backend.adapters.media.decode import FileVideo, open_video
from backend.adapters.media.decoder_pool import BYTES, END, ERROR, FRAME, HEAD, HELD
from backend.adapters.media.index import IndexCache, build_index, bytes_of_index
from backend.adapters.media.pages import read_page
from backend.domain.errors import MaskletError, MediaError, reason_of
from backend.domain.geometry import FrameSize, RgbFrame
from backend.domain.video import ContentHash, FrameIndex, FrameRange

HELD_OPEN = 4

Reply = tuple[bytes, int, RgbFrame | bytes]


class Decoder:
    """The videos asked for last, and the stream that is being read."""

    def __init__(self, indices: IndexCache) -> None:
        self._indices = indices
        self._open: OrderedDict[str, FileVideo] = OrderedDict()
        self._streamed: FileVideo | None = None
        self._stream: Iterator[tuple[FrameIndex, RgbFrame]] = iter(())

    def answer(self, question: dict[str, object]) -> Reply:
        """Raises what the file makes the decoder raise."""
        ask = question["ask"]
        if ask == "next":
            found = next(self._stream, None)
            return (END, 0, b"") if found is None else self._shown(self._streamed, *found)
        path = Path(str(question["path"]))
        if ask == "page":
            index, width, height = (int(str(question[name])) for name in ("index", "width", "height"))
            return FRAME, index, read_page(path, index, FrameSize(width, height))
        if ask == "index":
            return BYTES, 0, bytes_of_index(build_index(path, for_page=True))
        video = self._video(path, ContentHash(str(question["hash"])))
        if ask == "frame":
            index = FrameIndex(int(str(question["index"])))
            return self._shown(video, index, video.frame(index))
        start, stop = (FrameIndex(int(str(question[name]))) for name in ("start", "stop"))
        self._streamed = video
        self._stream = video.frames(FrameRange(start, stop), backward=bool(question["backward"]))
        return BYTES, 0, b""

    @staticmethod
    def _shown(video: FileVideo | None, index: FrameIndex, picture: RgbFrame) -> Reply:
        is_held = video is not None and video.is_undecodable(index)
        return HELD if is_held else FRAME, int(index), picture

    def _video(self, path: Path, content_hash: ContentHash) -> FileVideo:
        video = self._open.pop(str(path), None) or open_video(path, content_hash, indices=self._indices)
        self._open[str(path)] = video
        while len(self._open) > HELD_OPEN:
            _, longest_unused = self._open.popitem(last=False)
            longest_unused.close()
        return video


def serve(decoder: Decoder, questions: BinaryIO, answers: BinaryIO) -> None:
    """Answers until the questions end."""
    ahead: Reply | None = None
    for line in questions:
        question = json.loads(line)
        is_next = question["ask"] == "next"
        reply = ahead if is_next and ahead is not None else _reply(decoder, question)
        ahead = None
        _write(answers, reply)
        if question["ask"] in ("next", "stream") and reply[0] in (FRAME, HELD, BYTES):
            ahead = _reply(decoder, {"ask": "next"})


def _reply(decoder: Decoder, question: dict[str, object]) -> Reply:
    try:
        return decoder.answer(question)
    except MaskletError as error:
        return ERROR, 0, reason_of(error).encode()
    except Exception as error:  # a decoder's surprise is the file's fault
        name = Path(str(question.get("path", "the video"))).name
        logging.getLogger(__name__).warning("%s: %r", name, error)
        return ERROR, 0, reason_of(MediaError(f"{name} cannot be decoded: {type(error).__name__}: {error}")).encode()


def _write(answers: BinaryIO, reply: Reply) -> None:
    kind, index, body = reply
    if isinstance(body, np.ndarray):
        answers.write(HEAD.pack(kind, index, body.shape[0], body.shape[1]))
        answers.write(np.ascontiguousarray(body).data)
    else:
        answers.write(HEAD.pack(kind, len(body), 0, 0) + body)
    answers.flush()


def main(indices: str) -> None:
    serve(Decoder(IndexCache(Path(indices))), sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main(sys.argv[1])
