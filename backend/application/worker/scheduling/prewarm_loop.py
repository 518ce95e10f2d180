"""Looking ahead: the frames that an annotator is likely to prompt next are encoded before the click.

Nothing here is owed to anybody. A wish may be lost, be late or be replaced by a newer one; answers are the same
without it, only slower. So wishes live beside the ledger, not in it, and give way to real work between two frames.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Collection, Sequence

from backend.application.ports.media import MediaLibrary, VideoSource
from backend.application.ports.prewarm import MediaStatus, PrewarmChannel, Prewarmer, PrewarmRequest, frame_hash
from backend.application.worker.scheduling.engine_turns import EngineLock
from backend.domain.errors import Cancelled, MaskletError, reason_of
from backend.domain.tasks import MediaRef
from backend.domain.video import ContentHash, FrameIndex

logger = logging.getLogger(__name__)


MEDIA_REMEMBERED = 64
"""Of so many media the lookout knows what it had encoded, to let go of it on request."""


class PrewarmLoop:
    """Grants wishes. Use from one thread; the engine is taken for one frame at a time."""

    def __init__(self, board: PrewarmChannel, media: MediaLibrary, engine: Prewarmer, turns: EngineLock) -> None:
        """media: may be in use by real work at the same time."""
        self._board = board
        self._media = media
        self._engine = engine
        self._turns = turns
        self._seen: OrderedDict[MediaRef, set[ContentHash]] = OrderedDict()

    def run_next(self, timeout_s: float) -> bool:
        """Grant the newest wish, waiting at most this long for one; False if none came."""
        wish = self._board.next_request(timeout_s)
        if wish is None:
            return False
        try:
            self._prewarm(wish)
        except Cancelled:
            logger.debug("looking ahead gave way to real work")
        except MaskletError as error:
            logger.info("looking ahead: %s", error)
            self._board.report(wish.media, MediaStatus(None, error=reason_of(error)))
        except Exception as error:  # whatever a file holds must not end the looking ahead; the log keeps it
            logger.exception("looking ahead failed")
            self._board.report(wish.media, MediaStatus(None, error=reason_of(error)))
        return True

    def _prewarm(self, wish: PrewarmRequest) -> None:
        if wish.forget:
            for content_hash in self._seen.pop(wish.media, ()):
                with self._turns.idle():
                    self._engine.forget(content_hash)
        ready: set[int] = set()
        frames = wish.frames[: max(self._engine.frames_kept - 1, 0)]
        for wanted in _frame_groups(wish.media, frames):
            with self._media.open(wish.media, frames=wanted) as video:
                self._encode(wish.media, video, wanted, ready)

    def _encode(self, media: MediaRef, video: VideoSource, frames: Sequence[FrameIndex], ready: set[int]) -> None:
        self._note(media, {frame_hash(video, index) for index in frames})
        self._board.report(media, status_of(video, ready))
        for frame_index in frames:
            if frame_index < video.info.frame_count:
                with self._turns.idle():
                    kept = self._engine.prewarm(video, [frame_index], cancel=self._turns)
                ready.update(kept)
                self._board.report(media, status_of(video, ready))

    def _note(self, media: MediaRef, content_hashes: set[ContentHash]) -> None:
        self._seen.setdefault(media, set()).update(content_hashes)
        self._seen.move_to_end(media)
        while len(self._seen) > MEDIA_REMEMBERED:
            self._seen.popitem(last=False)


def status_of(video: VideoSource, ready: Collection[int]) -> MediaStatus:
    return MediaStatus(video.info, tuple(sorted(ready)))


def _frame_groups(media: MediaRef, frames: tuple[FrameIndex, ...]) -> list[tuple[FrameIndex, ...]]:
    """A page is opened by itself, as a click on it opens it; of a video every frame is within one file."""
    if not media.is_pages:
        return [frames]
    return [(index,) for index in frames if index < len(media.addresses)]
