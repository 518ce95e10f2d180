"""A video's cuts, found while it is decoded to be propagated, and remembered for whoever chooses frames.

Owns the record: a note a video, by content. Of frames that nobody has decoded yet nothing is known; nobody decodes a
video for this alone.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.media import VideoSource
from backend.application.ports.video_wrapper import WrappedVideo
from backend.domain.geometry import RgbFrame
from backend.domain.replan import ranges_of
from backend.domain.shots import CutFinder
from backend.domain.video import ContentHash, FrameIndex, FrameRange

logger = logging.getLogger(__name__)

FOLDER = "shots"


class WatchedVideo(WrappedVideo):
    """A CutFinder sees a video's pictures as they go by."""

    def __init__(self, source: VideoSource) -> None:
        super().__init__(source)
        self.finder = CutFinder()

    def frames(self, span: FrameRange, *, backward: bool = False) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        for index, picture in super().frames(span, backward=backward):
            self.finder.look(int(index), picture)
            yield index, picture


def remember_cuts(notes: KeyValueStore, video: ContentHash, finder: CutFinder) -> None:
    """Add what was found to what is known of a video. A disk that refuses costs the finding, not the work around it."""
    if not finder.looked:
        return
    known, looked = _read(notes, video) or (frozenset(), frozenset())
    cuts = sorted((known - finder.looked) | finder.cuts)
    ranges = [(r.start, r.stop) for r in ranges_of(sorted(looked | finder.looked))]
    try:
        notes.write(_name(video), json.dumps({"cuts": cuts, "looked": ranges}).encode())
    except OSError as error:
        logger.warning("the cuts of video %s are not remembered: %s", video[:12], error.strerror)


def known_cuts(notes: KeyValueStore, video: ContentHash) -> tuple[int, ...]:
    """The frames that are known to begin a shot, ascending; none if nobody has looked."""
    found = _read(notes, video)
    return () if found is None else tuple(sorted(found[0]))


def _read(notes: KeyValueStore, video: ContentHash) -> tuple[frozenset[int], frozenset[int]] | None:
    """Cuts, and frames that were looked at."""
    body = notes.read(_name(video))
    if body is None:
        return None
    try:
        record = json.loads(body)
        looked = frozenset(frame for start, stop in record["looked"] for frame in range(start, stop))
        return frozenset(int(cut) for cut in record["cuts"]), looked
    except (ValueError, KeyError, TypeError):
        logger.warning("the note of video %s's cuts is not readable and is left out", video[:12])
        return None


def _name(video: ContentHash) -> str:
    return f"{FOLDER}/{video}"
