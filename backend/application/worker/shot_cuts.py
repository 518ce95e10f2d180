"""Shot cuts of videos: found in frames that a propagation decodes, stored for the selection of frames.

Owns the record: one per video, by content hash. Does not decode: frames that no propagation decoded have no known cuts.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.media import VideoSource
from backend.application.ports.video_wrapper import WrappedVideo
from backend.domain.errors import StorageFull
from backend.domain.geometry import RgbFrame
from backend.domain.replan import ranges_of
from backend.domain.shots import CutDetector
from backend.domain.video import ContentHash, FrameIndex, FrameRange

logger = logging.getLogger(__name__)

FOLDER = "shots"


class CutDetectingVideo(WrappedVideo):
    """A video whose frames are given to a CutDetector as they are read."""

    def __init__(self, source: VideoSource) -> None:
        super().__init__(source)
        self.finder = CutDetector()

    def frames(self, frame_range: FrameRange, *, backward: bool = False) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        for index, picture in super().frames(frame_range, backward=backward):
            self.finder.add(int(index), picture)
            yield index, picture


def remember_cuts(key_values: KeyValueStore, video: ContentHash, finder: CutDetector) -> None:
    """Adds found cuts to a video's record. A disk error is logged, not raised."""
    if not finder.frames_read:
        return
    known, looked = _read(key_values, video) or (frozenset(), frozenset())
    cuts = sorted((known - finder.frames_read) | finder.cuts)
    ranges = [(r.start, r.stop) for r in ranges_of(sorted(looked | finder.frames_read))]
    try:
        key_values.write(_name(video), json.dumps({"cuts": cuts, "looked": ranges}).encode())
    except (OSError, StorageFull) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        logger.warning("the cuts of video %s are not stored: %s", video[:12], reason)


def known_cuts(key_values: KeyValueStore, video: ContentHash) -> tuple[int, ...]:
    """The known first frames of shots, ascending; empty without a record."""
    found = _read(key_values, video)
    return () if found is None else tuple(sorted(found[0]))


def _read(key_values: KeyValueStore, video: ContentHash) -> tuple[frozenset[int], frozenset[int]] | None:
    """Cuts, and compared frames; None without a readable record."""
    body = key_values.read(_name(video))
    if body is None:
        return None
    try:
        record = json.loads(body)
        looked = frozenset(frame for start, stop in record["looked"] for frame in range(start, stop))
        return frozenset(int(cut) for cut in record["cuts"]), looked
    except (ValueError, KeyError, TypeError):
        logger.warning("the record of cuts of video %s is not readable and is ignored", video[:12])
        return None


def _name(video: ContentHash) -> str:
    return f"{FOLDER}/{video}"
