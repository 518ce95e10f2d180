"""Looking ahead: the frames that an annotator is likely to prompt next are encoded before the click.

Nothing here is owed to anybody. A wish may be lost, be late or be replaced by a newer one; answers are the same
without it, only slower. So wishes live beside the ledger, not in it, and give way to real work between two frames.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from backend.application.ports import CancelToken, MediaLibrary, VideoSource
from backend.application.requests import MediaRef
from backend.domain.errors import Cancelled, MaskletError, reason_of
from backend.domain.frame_times import FrameTimes
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

logger = logging.getLogger(__name__)

WIDEST_WINDOW = 20
"""Frames to one side that a client may ask for at once."""

MEDIA_REMEMBERED = 64
"""Of so many media the lookout knows what it had encoded, to let go of it on request."""


@runtime_checkable
class Prewarmer(Protocol):
    """The engine, as far as looking ahead goes."""

    @property
    def frames_kept(self) -> int:
        """How many encoded frames are kept at once."""
        ...

    def prewarm(self, video: VideoSource, frames: Sequence[FrameIndex], *, cancel: CancelToken) -> tuple[int, ...]:
        """Encode frames ahead of need, so that a prompt on one of them is answered sooner; changes no answer.

        As many of the first ones as are kept at once; cancel is asked before each. Returns the frames of this video
        that are ready now. Raises PromptError past the end.
        """
        ...

    def forget(self, video: ContentHash) -> None:
        """Let go of what is kept of a video's frames."""
        ...


@runtime_checkable
class FramesByContent(Protocol):
    """A VideoSource that knows what a frame is, whatever else it holds: a page may be opened in any company."""

    def frame_hash(self, index: int) -> ContentHash: ...


def frame_hash(video: VideoSource, index: int) -> ContentHash:
    """Under which hash what is known of this frame is kept: the page's own, or the whole video's."""
    return video.frame_hash(index) if isinstance(video, FramesByContent) else video.info.content_hash


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be looked at ahead of need: these frames first, in this order. forget: let go of the media instead."""

    media: MediaRef
    frames: tuple[FrameIndex, ...]
    forget: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """What a worker has seen of some media.

    ready: the frames that are encoded. trouble: why the media could not be opened (domain.errors.reason_of), empty if
    it could; info is None then.
    """

    info: VideoInfo | None
    ready: tuple[int, ...] = ()
    trouble: str = ""

    @property
    def timestamps_s(self) -> tuple[float, ...]:
        """Presentation time of each frame in seconds; pages take their turn at the task's rate."""
        if self.info is None:
            return ()
        return (self.info.times or FrameTimes.steady(self.info.frame_rate, self.info.frame_count)).seconds()


class WarmBoard(Protocol):
    """Where the web process leaves wishes and a worker says what it sees. May forget everything without harm."""

    def ask(self, wish: Wish) -> None:
        """Leave a wish for the worker; one that is not taken up soon is dropped for newer ones. Never raises."""
        ...

    def take(self, timeout_s: float) -> Wish | None:
        """The newest wish, waiting for one at most this long."""
        ...

    def tell(self, media: MediaRef, sight: Sight) -> None:
        """Say what is seen of some media. Never raises."""
        ...

    def look(self, media: MediaRef) -> Sight | None:
        """What was told last; None if nothing was, or it was long ago."""
        ...


class NoBoard:
    """A WarmBoard that nobody reads."""

    def ask(self, wish: Wish) -> None:
        return

    def take(self, timeout_s: float) -> Wish | None:
        return None

    def tell(self, media: MediaRef, sight: Sight) -> None:
        return

    def look(self, media: MediaRef) -> Sight | None:
        return None


def around(frame_index: int, reach: int) -> tuple[FrameIndex, ...]:
    """A frame and those near it, nearest first and the later one of two before the earlier; none below 0."""
    steps = [0, *(step for distance in range(1, reach + 1) for step in (distance, -distance))]
    return tuple(FrameIndex(frame_index + step) for step in steps if frame_index + step >= 0)


class Turns:
    """Who may use the engine: real work takes its turn as soon as the current frame is done."""

    def __init__(self) -> None:
        self._engine = threading.Lock()
        self._working = threading.Event()

    @contextmanager
    def work(self) -> Iterator[None]:
        """Real work, by the one thread that does it."""
        self._working.set()
        try:
            with self._engine:
                yield
        finally:
            self._working.clear()

    @property
    def is_working(self) -> bool:
        """Whether there is real work now."""
        return self._working.is_set()

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Work that can wait, for one frame. Raises Cancelled if there is real work."""
        self.raise_if_cancelled()
        with self._engine:
            yield

    def raise_if_cancelled(self) -> None:
        if self._working.is_set():
            raise Cancelled("real work came")


class Lookout:
    """Grants wishes. Use from one thread; the engine is taken for one frame at a time."""

    def __init__(self, board: WarmBoard, media: MediaLibrary, engine: Prewarmer, turns: Turns) -> None:
        """media: may be in use by real work at the same time."""
        self._board = board
        self._media = media
        self._engine = engine
        self._turns = turns
        self._seen: OrderedDict[MediaRef, set[ContentHash]] = OrderedDict()

    def watch(self, timeout_s: float) -> bool:
        """Grant the newest wish, waiting at most this long for one; False if none came."""
        wish = self._board.take(timeout_s)
        if wish is None:
            return False
        try:
            self._grant(wish)
        except Cancelled:
            logger.debug("looking ahead gave way to real work")
        except MaskletError as error:
            logger.info("looking ahead: %s", error)
            self._board.tell(wish.media, Sight(None, trouble=reason_of(error)))
        except Exception as error:  # whatever a file holds must not end the looking ahead; the log keeps it
            logger.exception("looking ahead failed")
            self._board.tell(wish.media, Sight(None, trouble=reason_of(error)))
        return True

    def _grant(self, wish: Wish) -> None:
        if wish.forget:
            for content_hash in self._seen.pop(wish.media, ()):
                with self._turns.idle():
                    self._engine.forget(content_hash)
        ready: set[int] = set()
        frames = wish.frames[: max(self._engine.frames_kept - 1, 0)]
        for wanted in _openings(wish.media, frames):
            with self._media.open(wish.media, frames=wanted) as video:
                self._encode(wish.media, video, wanted, ready)

    def _encode(self, media: MediaRef, video: VideoSource, frames: Sequence[FrameIndex], ready: set[int]) -> None:
        self._note(media, {frame_hash(video, index) for index in frames})
        self._board.tell(media, sight_of(video, ready))
        for frame_index in frames:
            if frame_index < video.info.frame_count:
                with self._turns.idle():
                    kept = self._engine.prewarm(video, [frame_index], cancel=self._turns)
                ready.update(kept)
                self._board.tell(media, sight_of(video, ready))

    def _note(self, media: MediaRef, content_hashes: set[ContentHash]) -> None:
        self._seen.setdefault(media, set()).update(content_hashes)
        self._seen.move_to_end(media)
        while len(self._seen) > MEDIA_REMEMBERED:
            self._seen.popitem(last=False)


def sight_of(video: VideoSource, ready: Collection[int]) -> Sight:
    return Sight(video.info, tuple(sorted(ready)))


def _openings(media: MediaRef, frames: tuple[FrameIndex, ...]) -> list[tuple[FrameIndex, ...]]:
    """A page is opened by itself, as a click on it opens it; of a video every frame is within one file."""
    if not media.is_pages:
        return [frames]
    return [(index,) for index in frames if index < len(media.addresses)]
