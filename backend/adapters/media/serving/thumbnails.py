"""Thumbnails of frames with masks: made by child processes, cached in a folder of bounded size."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from backend.adapters.media.serving.page_cache import PageCache, PageDecoder
from backend.domain.masklets import EncodedMask
from backend.domain.tasks import MediaRef


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """decoder: of its own, so that no picture of the player waits for a thumbnail."""

    decoder: PageDecoder
    cache: PageCache

    def get(self, run: str, frame: int) -> bytes | None:
        """The cached thumbnail of a frame with a run's masks, as a JPEG file. A run's masks never change."""
        return self.cache.get(_name(run), frame)

    def make(
        self, run: str, frame: int, media: MediaRef, content_hash: str, masks: Sequence[EncodedMask | None]
    ) -> bytes:
        """Makes a thumbnail and caches it. content_hash: of the video; empty for pages.

        Raises MediaError, MediaUnreachable (ask again) or PromptError.
        """
        body = self.decoder.thumbnail(media, content_hash, frame, masks)
        self.put(run, frame, body)
        return body

    def put(self, run: str, frame: int, body: bytes) -> None:
        """Caches a thumbnail."""
        self.cache.put(_name(run), frame, body)

    def close(self) -> None:
        self.decoder.close()


def _name(run: str) -> str:
    return hashlib.sha256(run.encode()).hexdigest()[:32]
