"""The index of a video file: its frames and their presentation times, from its packets.

A frame's index is its rank by presentation time, from the first frame that decodes. The header's frame count is not
used. A frame in the middle that does not decode keeps its index. Reading packets is about a hundred times cheaper than
decoding. Only the first frame and the tail of a file that was cut short are decoded, and files whose packets do not say
in which order frames are shown.
"""

from __future__ import annotations

import io
import json
import logging
import os
import zipfile
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from backend.adapters.media.containers.browsers import is_browsers_container
from backend.adapters.media.containers.matroska import is_matroska
from backend.adapters.media.containers.seeks import has_edit_list
from backend.adapters.media.damaged import damage_named
from backend.adapters.media.orientation import Orientation, orientation_of
from backend.adapters.media.packet_times import PacketTimes, read_packet_times
from backend.adapters.media.packets import decoded_frames
from backend.adapters.media.probe import open_stream, require_played, require_sane_size
from backend.adapters.media.undecodable import SUFFIX, UndecodableFrames
from backend.domain.errors import MediaError
from backend.domain.frame_times import FrameTimes
from backend.domain.video import ContentHash, VideoInfo

log = logging.getLogger(__name__)

_VERSION = 6
NOT_SHOWN = "browsers do not show every frame in its place"

_ARRAYS = ("pts", "tags", "key_tags", "key_seeks")


@dataclass(frozen=True, slots=True, eq=False)
class StreamIndex:
    """Presentation times of a stream's frames.

    pts: [N] int64, ascending, in units of time_base. tags, key_tags, key_seeks, by_dts, is_unchecked: see PacketTimes.
    width, height: pixels as stored; rotation, mirrored: of their Orientation. zero: the origin of a player's timeline,
    in units of time_base. end: the end of the last frame, or of the file if that is later. inexact: what is in the file
    because of which browsers do not show every frame in its place; or empty.
    """

    pts: NDArray[np.int64]
    tags: NDArray[np.int64]
    key_tags: NDArray[np.int64]
    key_seeks: NDArray[np.int64]
    by_dts: bool
    is_unchecked: bool
    time_base: Fraction
    frame_rate: Fraction
    width: int
    height: int
    rotation: int
    mirrored: bool
    variable_rate: bool
    truncated: bool
    zero: int
    end: int
    inexact: str

    @property
    def times(self) -> FrameTimes:
        return FrameTimes.of(self.pts - self.zero, self.time_base, end=self.end - self.zero)

    @property
    def orientation(self) -> Orientation:
        return Orientation(self.rotation, self.mirrored)

    def info(self, content_hash: ContentHash) -> VideoInfo:
        return VideoInfo(
            content_hash=content_hash,
            size=self.orientation.shown_size(self.width, self.height),
            frame_count=len(self.pts),
            frame_rate=self.frame_rate,
            variable_rate=self.variable_rate,
            rotation=self.rotation,
            truncated=self.truncated,
            times=self.times,
        )


def build_index(path: Path, *, for_page: bool = False) -> StreamIndex:
    """Read all packets of a file and decode its first frame. Raises MediaError.

    for_page: refuses a video that no browser plays.
    """
    with damage_named(path.name):
        return _built(path, for_page=for_page)


def _built(path: Path, *, for_page: bool) -> StreamIndex:
    if for_page:
        require_played(path)
    packets = read_packet_times(path)
    container, stream = open_stream(path)
    with container:
        first = next(decoded_frames(container, stream, by_dts=packets.by_dts), None)
        start = None if first is None else packets.position_of(first.pts)
        if first is None or start is None:
            raise MediaError(f"{path.name} has no frame that decodes")
        require_sane_size(path.name, first.width, first.height)
        pts, tags = packets.pts[start:], packets.tags[start:]
        if packets.ends_early:
            if not packets.by_dts:
                pts = tags = _without_undecodable_tail(container, stream, pts, packets)
            log.warning("%s ends early; its first %d frames are used", path.name, len(pts))
        if len(pts) == 0:
            raise MediaError(f"{path.name} has no frame that decodes")
        time_base, orientation = _time_base(stream, path.name), orientation_of(first)
        inexact = _inexact(path, container, packets, is_variable=_is_variable(pts))
        return StreamIndex(
            pts=pts,
            tags=tags,
            key_tags=packets.key_tags,
            key_seeks=packets.key_seeks,
            by_dts=packets.by_dts,
            is_unchecked=packets.is_unchecked,
            time_base=time_base,
            frame_rate=_frame_rate(stream, pts, time_base),
            width=first.width,
            height=first.height,
            rotation=orientation.rotation,
            mirrored=orientation.mirrored,
            variable_rate=_is_variable(pts),
            truncated=packets.ends_early,
            zero=_zero(container, pts, time_base),
            end=_end(container, pts, time_base, is_cut=packets.ends_early),
            inexact=inexact,
        )


def _inexact(path: Path, container: InputContainer, packets: PacketTimes, *, is_variable: bool) -> str:
    """What is in a file because of which browsers do not show every frame in its place; or empty."""
    if not is_browsers_container(container):
        return ""
    if is_matroska(container) and is_variable:
        return "a variable frame rate in WebM/Matroska"  # which has no durations; Chromium assumes the average
    if packets.leads_key:
        return "open groups of pictures"
    if not is_matroska(container) and packets.key_is_later and not has_edit_list(path):
        return "B-frames and no edit list"  # Chromium looks for key frames by the times at which they are decoded
    if not is_matroska(container) and packets.ends_early:
        return "an end that is missing"
    return ""


def bytes_of_index(index: StreamIndex) -> bytes:
    """An index as a file's content."""
    head = {name: value for name, value in asdict(index).items() if name not in _ARRAYS}
    head |= {"time_base": str(index.time_base), "frame_rate": str(index.frame_rate), "version": _VERSION}
    file = io.BytesIO()
    np.savez(file, head=np.asarray(json.dumps(head)), **{name: getattr(index, name) for name in _ARRAYS})
    return file.getvalue()


def index_of_bytes(body: bytes) -> StreamIndex:
    """The index that `bytes_of_index` of this version wrote.

    Raises ValueError, KeyError, TypeError, EOFError or BadZipFile for anything else.
    """
    with np.load(io.BytesIO(body), allow_pickle=False) as stored:
        head = json.loads(str(stored["head"]))
        if head.pop("version") != _VERSION:
            raise ValueError("the index is of another version")
        for name in ("time_base", "frame_rate"):
            head[name] = Fraction(head[name])
        return StreamIndex(**{name: stored[name] for name in _ARRAYS}, **head)


def _without_undecodable_tail(
    container: InputContainer, stream: VideoStream, pts: NDArray[np.int64], packets: PacketTimes
) -> NDArray[np.int64]:
    """Drop frames at the end that do not decode, group of pictures by group of pictures."""
    for key, time in zip(packets.key_tags[::-1], packets.key_seeks[::-1], strict=True):
        container.seek(int(time), stream=stream)
        decoded = np.asarray([frame.pts for frame in decoded_frames(container, stream) if frame.pts is not None])
        kept: NDArray[np.int64] = pts[(pts < key) | np.isin(pts, decoded)]
        if len(kept) and kept[-1] >= key:
            return kept
        pts = kept
    return pts


def _time_base(stream: VideoStream, name: str) -> Fraction:
    if stream.time_base is None:
        raise MediaError(f"{name} has no time base (the unit of its times)")
    return Fraction(stream.time_base)


def _frame_rate(stream: VideoStream, pts: NDArray[np.int64], time_base: Fraction) -> Fraction:
    """Average frames per second: the header's exact fraction if the packets confirm it to 0.2 %."""
    claimed = stream.average_rate
    if len(pts) < 2:
        return Fraction(claimed) if claimed else Fraction(1)
    measured = Fraction(len(pts) - 1) / (int(pts[-1] - pts[0]) * time_base)
    if claimed and abs(measured / Fraction(claimed) - 1) < Fraction(1, 500):
        return Fraction(claimed)
    return measured.limit_denominator(100_000)


def _zero(container: InputContainer, pts: NDArray[np.int64], time_base: Fraction) -> int:
    """The origin of a player's timeline.

    Players shift a file only if it starts before 0, to start at 0; a late first frame stays late.
    https://html.spec.whatwg.org/multipage/media.html#offsets-into-the-media-resource
    The times of a container that no browser plays start anywhere: there it is the first frame.
    """
    if not is_browsers_container(container):
        return int(pts[0])
    start = min(Fraction(container.start_time or 0, av.time_base) / time_base, Fraction(int(pts[0])))
    return min(round(start), 0, int(pts[0]))


def _end(container: InputContainer, pts: NDArray[np.int64], time_base: Fraction, *, is_cut: bool) -> int:
    """The header's end if the last frame is before it; else the last frame gets the median duration of a frame."""
    usual = int(np.median(np.diff(pts))) if len(pts) > 1 else 1
    if is_cut or container.duration is None:
        return int(pts[-1]) + usual
    claimed = Fraction((container.start_time or 0) + container.duration, av.time_base) / time_base
    return round(claimed) if claimed > int(pts[-1]) else int(pts[-1]) + usual


def _is_variable(pts: NDArray[np.int64]) -> bool:
    if len(pts) < 3:
        return False
    steps = np.diff(pts)
    # Matroska rounds times to milliseconds: the steps of a constant rate differ by one or two units.
    return bool(steps.max() - steps.min() > max(2, 0.05 * float(np.median(steps))))


class IndexCache:
    """The cache of indices by content hash: a long video is indexed once, not at every opening.

    Beside an index are the frames of its video that do not decode.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def load(self, content_hash: ContentHash) -> StreamIndex | None:
        """The stored index; None without one of this version."""
        try:
            return index_of_bytes(self._path(content_hash).read_bytes())
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, content_hash: ContentHash, index: StreamIndex) -> None:
        """Stores an index. A full disk is logged: then the next opening reads the packets again."""
        path = self._path(content_hash)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            part.write_bytes(bytes_of_index(index))
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            log.warning("the index of %s could not be stored: %s", content_hash, error.strerror)

    def _path(self, content_hash: ContentHash) -> Path:
        return self._root / f"{content_hash}.npz"

    def undecodable(self, content_hash: ContentHash) -> UndecodableFrames:
        """The frames of a video that do not decode, as far as they were met."""
        return UndecodableFrames(self._root / f"{content_hash}{SUFFIX}")
