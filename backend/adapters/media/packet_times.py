"""The frames of a video file from its packets: their times, and the packet that each is from.

Reads all packets. Only where these do not say in which order frames are shown, it also decodes the file once: AVI has
no presentation times, other files have frames without a time or with that of another frame.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from backend.adapters.media.containers.browsers import is_browsers_container
from backend.adapters.media.containers.matroska import claimed_duration, is_matroska, unread_places
from backend.adapters.media.containers.seeks import KeyOrder
from backend.adapters.media.containers.shown import ShownPackets
from backend.adapters.media.packets import PacketReader, decoded_frames, is_cut_short
from backend.adapters.media.probe import REMEDY, open_stream
from backend.domain.errors import MediaError

Times = NDArray[np.int64]
Picture = TypeVar("Picture")

_WITHOUT_TIMES = "avi"
_REORDERED = frozenset({"h264", "hevc", "mpeg4", "mpeg1video", "mpeg2video", "vc1"})
"""Codecs whose frames may be shown in another order than they are decoded in."""

_UNCHECKED = frozenset({"vp8", "vp9", "av1"})
"""Codecs whose decoders take another picture for a lost one, and say nothing."""


@dataclass(frozen=True, slots=True)
class PacketTimes:
    """In units of the stream's time base, of the frames in the order of presentation.

    pts: [N] int64, ascending: the frames' times. tags: [N] int64: the number that a frame's packet carries through the
    decoder, its presentation time, or its decoding time if by_dts. key_tags: [K] int64, ascending: of the key frames.
    key_seeks: [K] int64: the time to which a seek finds that key frame. is_unchecked: whether the codec shows wrong
    pictures after a lost frame, without an error.
    ends_early: whether the file ends in the middle of a packet, with an error, or before its header says.
    leads_key, key_is_later: of some key frame, whether a frame that is decoded after it is shown before it, and whether
    it is shown later than it is decoded; see containers/seeks.py.
    """

    pts: Times
    tags: Times
    key_tags: Times
    key_seeks: Times
    by_dts: bool
    is_unchecked: bool
    ends_early: bool
    leads_key: bool = False
    key_is_later: bool = False

    def position_of(self, tag: int | None) -> int | None:
        """The index of the frame with this tag."""
        return FrameTags(self.tags).index_of(tag)


class FrameTags:
    """Finds frames by their tags."""

    def __init__(self, tags: Times) -> None:
        self._order = np.argsort(tags, kind="stable")
        self._sorted = tags[self._order]

    def index_of(self, tag: int | None) -> int | None:
        """The index of the frame with this tag; None without one."""
        if tag is None:
            return None
        found = int(np.searchsorted(self._sorted, tag))
        return int(self._order[found]) if found < len(self._sorted) and self._sorted[found] == tag else None

    def keys_from(self, key_tags: Times, key_seeks: Times) -> tuple[Times, dict[int, int]]:
        """The indices of the key frames, ascending, and the time to seek to for each.

        A key frame that is not among the frames stands for that with the next tag.
        """
        found = np.searchsorted(self._sorted, key_tags)
        is_within = found < len(self._sorted)
        indices: Times = self._order[found[is_within]]
        seeks = {int(index): int(time) for index, time in zip(indices, key_seeks[is_within], strict=True)}
        return np.unique(indices), seeks


def without_guessed(
    frames: Iterable[tuple[int, Picture]], keys: Collection[int], *, is_unchecked: bool
) -> Iterator[tuple[int, Picture]]:
    """Frames with their indices, from a key frame on.

    is_unchecked: leaves out those between a lost frame and the next key frame.
    """
    expected, is_guessed = None, False
    for index, picture in frames:
        lacks_reference = is_guessed or (expected is not None and index != expected)
        is_guessed = is_unchecked and lacks_reference and index not in keys
        expected = index + 1
        if not is_guessed:
            yield index, picture


@dataclass(slots=True)
class _Scan:
    """The packets with a frame to show, in the order of decoding, from the first key frame on."""

    pts: list[int | None] = field(default_factory=list)
    dts: list[int | None] = field(default_factory=list)
    keys: list[tuple[int | None, int | None]] = field(default_factory=list)
    """pts and dts of the packets with key frames, also of those that are not shown."""
    is_cut: bool = False
    has_order: bool = True
    """Whether the container has presentation times at all."""
    seeks_by_pts: bool = True
    """Whether the container is seeked by presentation times; others are by decoding times."""
    duration: int | None = None
    is_unchecked: bool = False
    places: list[int | None] = field(default_factory=list)
    """Positions of the packets in the file, where these are looked at."""
    order: KeyOrder = field(default_factory=KeyOrder)


def read_packet_times(path: Path) -> PacketTimes:
    """Reads all packets. Raises MediaError for a file without frames, or without an order of them."""
    container, stream = open_stream(path)
    with container:
        scan = _scanned(container, stream)
    if not scan.pts:
        raise MediaError(f"{path.name} has no frames")
    times = [time for time in scan.pts if time is not None]
    if scan.has_order and len(set(times)) == len(scan.pts):
        pts = _with_unread(path, scan, np.asarray(times, dtype=np.int64))
        keys = {
            key: key if dts is None or scan.seeks_by_pts else min(dts, key) for key, dts in scan.keys if key is not None
        }
        key_tags = np.asarray(sorted(keys), dtype=np.int64)
        key_seeks = np.asarray([keys[int(key)] for key in key_tags], dtype=np.int64)
        ends_early = scan.is_cut or _is_shorter_than(scan.duration, pts)
        is_unchecked, order = scan.is_unchecked, scan.order
        return PacketTimes(
            pts, pts, key_tags, key_seeks, False, is_unchecked, ends_early, order.leads_key, order.key_is_later
        )
    return _by_decoding(path, scan)


def _scanned(container: InputContainer, stream: VideoStream) -> _Scan:
    reader, context = PacketReader(container, stream), stream.codec_context
    codec = context.codec.canonical_name
    shown = ShownPackets(codec, bytes(context.extradata or b""))
    scan = _Scan(has_order=container.format.name != _WITHOUT_TIMES or codec not in _REORDERED)
    has_key = False
    for packet in reader.packets():
        is_key = packet.is_keyframe and not is_cut_short(container, packet)
        has_key = has_key or is_key
        # An edit list discards packets that are needed only to decode later ones.
        if not has_key:
            continue
        is_shown = shown.is_shown(memoryview(packet))
        if is_key and (is_shown or codec != "h264"):  # no decoding begins at a second field
            scan.keys.append((packet.pts, packet.dts))
            scan.order.add_key(packet.pts, packet.dts)
        if not is_shown or packet.is_discard:
            continue
        scan.order.add(packet.pts)
        scan.pts.append(packet.pts)
        scan.dts.append(packet.dts)
        scan.places.append(packet.pos)
    scan.is_cut, scan.duration = reader.is_cut, stream.duration or claimed_duration(stream)
    scan.is_unchecked = codec in _UNCHECKED
    scan.seeks_by_pts = is_browsers_container(container)
    return scan


def _with_unread(path: Path, scan: _Scan, times: Times) -> Times:
    """[N] int64, ascending: the times, and those of frames whose blocks a damaged Matroska file has and nothing reads.

    times: in the order of decoding. Frames are missing where times leave a gap and the file has unread bytes.
    """
    pts = np.unique(times)
    steps = np.diff(pts)
    usual = max(1, int(np.median(steps))) if len(steps) else 1
    gaps = np.flatnonzero(steps > 1.5 * usual)
    if len(gaps) == 0:
        return pts
    container, _ = open_stream(path)
    with container:
        unread = unread_places(container, path) if is_matroska(container) else []
    places = np.asarray([-1 if place is None else place for place in scan.places])
    added = []
    for gap in gaps:
        before, after = places[times <= pts[gap]].max(), places[times >= pts[gap + 1]].min()
        if any(before < place < after for place in unread):
            count = round(steps[gap] / usual)
            added.append(np.linspace(pts[gap], pts[gap + 1], count + 1)[1:-1].round().astype(np.int64))
    return np.unique(np.concatenate([pts, *added]))


def _by_decoding(path: Path, scan: _Scan) -> PacketTimes:
    """The order in which the decoder gives the frames; a packet's decoding time tells them apart."""
    dts = np.asarray([-1 if time is None else time for time in scan.dts], dtype=np.int64)
    if None in scan.dts or (np.diff(dts) <= 0).any():
        raise MediaError(f"{path.name} does not say in which order its frames are shown; {REMEDY}")
    container, stream = open_stream(path)
    with container:
        decoded = np.asarray(
            [frame.pts for frame in decoded_frames(container, stream, by_dts=True) if frame.pts is not None],
            dtype=np.int64,
        )
    _, first = np.unique(decoded, return_index=True)
    decoded = decoded[np.sort(first)]
    tags = _with_missing(decoded[np.isin(decoded, dts)], dts, keeps_end=not scan.is_cut)
    if len(tags) == 0:
        raise MediaError(f"{path.name} has no frame that decodes")
    keys = np.asarray([key for _, key in scan.keys if key is not None], dtype=np.int64)
    return PacketTimes(_times_of(tags, dts, scan), tags, keys, keys, True, scan.is_unchecked, scan.is_cut)


def _with_missing(decoded: Times, dts: Times, *, keeps_end: bool) -> Times:
    """Adds the frames that do not decode: each after the frame of the last packet before its own.

    keeps_end: whether those after the last frame that decodes are frames too.
    """
    missing = dts[~np.isin(dts, decoded)]
    if len(decoded) == 0 or len(missing) == 0:
        return decoded
    order = np.argsort(decoded, kind="stable")
    before = np.searchsorted(decoded[order], missing) - 1
    is_kept = (before >= 0) & (keeps_end | (missing < decoded.max()))
    return np.insert(decoded, order[before[is_kept]] + 1, missing[is_kept])


def _times_of(tags: Times, dts: Times, scan: _Scan) -> Times:
    """[N] int64, ascending: the container's presentation times if it has all, else the decoding times in order."""
    if not scan.has_order or None in scan.pts:
        return np.sort(tags)
    pts = np.asarray(scan.pts, dtype=np.int64)[np.searchsorted(dts, tags)]
    steps = np.arange(len(pts))
    ascending: Times = np.maximum.accumulate(pts - steps) + steps
    return ascending


def _is_shorter_than(duration: int | None, pts: Times) -> bool:
    """Whether a header's duration exceeds that of the packets by more than two frames."""
    if duration is None or len(pts) < 2:
        return False
    return duration > int(pts[-1] - pts[0]) + 2 * int(np.diff(pts).max())
