"""Pages of videos on demand: decoded by child processes and cached in a folder of bounded size.

The web process never loads a decoder: a damaged file can crash only a child, which is replaced. A cached page never
changes: its name is the video's content and the frame.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.adapters.media.serving.page_child import PageChild
from backend.codecs.file_cache import FileCache
from backend.domain.errors import MediaError
from backend.domain.masklets import EncodedMask
from backend.domain.tasks import MediaRef

CHILD = (sys.executable, "-P", "-m", "backend.interfaces.page_process")
ANSWER_S = 60.0
MOST_CHILDREN = 3
"""So many videos are decoded at once."""


@dataclass(slots=True)
class _Lane:
    """A child with its users. video: whose pages it decoded last."""

    child: PageChild
    users: int = 0
    video: str = ""


class PageDecoder:
    """Child processes that decode pages. A video that is slow delays no other. Safe to use from many threads."""

    def __init__(self, command: Sequence[str] = CHILD, *, answer_s: float = ANSWER_S) -> None:
        self._lanes = [_Lane(PageChild(command, answer_s=answer_s)) for _ in range(MOST_CHILDREN)]
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Starts a process unless one runs: its start takes seconds, and the first page would wait for it."""
        if not any(lane.child.is_started for lane in self._lanes):
            self._lanes[0].child.prepare()

    def page(self, media_id: str, frame: int) -> bytes:
        """A page as a JPEG file. Raises the child's error, MediaUnreachable if it does not answer."""
        return self._answer(media_id, frame, [media_id, frame])

    def picture(self, media: MediaRef, content_hash: str, frame: int) -> bytes:
        """A frame of a task's media as a JPEG file. content_hash: of the video; empty for pages.

        Raises as `page` does, and MediaUnreachable if the video at the address is another one by now.
        """
        question = {
            "addresses": list(media.addresses),
            "is_pages": media.is_pages,
            "content_hash": content_hash,
            "frame": frame,
        }
        return self._answer(content_hash or media.addresses[0], frame, question)

    def thumbnail(self, media: MediaRef, content_hash: str, frame: int, masks: Sequence[EncodedMask | None]) -> bytes:
        """A small picture of a frame with masks, as a JPEG file; the masks' colours go by their order.

        Raises as `picture` does.
        """
        question = {
            "addresses": list(media.addresses),
            "is_pages": media.is_pages,
            "content_hash": content_hash,
            "frame": frame,
            "masks": [None if mask is None else [mask.height, mask.width, mask.counts] for mask in masks],
        }
        return self._answer(content_hash or media.addresses[0], frame, question)

    def close(self) -> None:
        for lane in self._lanes:
            lane.child.close()

    def _answer(self, video: str, frame: int, question: object) -> bytes:
        with self._lane(video) as child:
            return child.answer(video, frame, question)

    @contextmanager
    def _lane(self, video: str) -> Iterator[PageChild]:
        """The child that decoded this video last; else an idle one, a running one first; else the least busy one."""
        with self._lock:
            lane = min(self._lanes, key=lambda each: (each.video != video, each.users, not each.child.is_started))
            lane.users += 1
            lane.video = video
        try:
            yield lane.child
        finally:
            with self._lock:
                lane.users -= 1


class PageCache:
    """A folder of pages, at most about max_bytes large. Evicts the least recently used pages."""

    def __init__(self, root: Path, max_bytes: int) -> None:
        self._files = FileCache(root, max_bytes)

    def get(self, media_id: str, frame: int) -> bytes | None:
        return self._files.get(_name(media_id, frame))

    def put(self, media_id: str, frame: int, body: bytes) -> None:
        """Store a page of at most max_bytes. A full disk is logged; then the page is decoded again at its next use."""
        self._files.put(_name(media_id, frame), body)

    def sweep(self) -> None:
        """Remove the least recently used pages down to the limit."""
        self._files.sweep()


def _name(media_id: str, frame: int) -> str:
    if not media_id.isalnum():
        raise MediaError("a medium's id is letters and digits")
    return f"{media_id}/{frame}.jpg"
