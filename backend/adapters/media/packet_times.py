"""The presentation times of a video's frames, from its packets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from backend.adapters.media.packets import PacketReader
from backend.adapters.media.probe import REMEDY
from backend.domain.errors import MediaError

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PacketTimes:
    """In units of the stream's time base. pts: [N] int64, ascending. key_pts: [K] int64, ascending: the key frames.

    ends_early: whether the file ends in the middle of a packet, with an error, or before its header says.
    """

    pts: Times
    key_pts: Times
    ends_early: bool


def read_packet_times(container: InputContainer, stream: VideoStream, name: str) -> PacketTimes:
    """Reads all packets. name: of the file. Raises MediaError for a file without frames, or without their times."""
    reader = PacketReader(container, stream)
    times: list[int] = []
    keys: list[int] = []
    codec = stream.codec_context.codec.canonical_name
    for packet in reader.packets():
        is_key = packet.is_keyframe and not packet.is_corrupt
        if not (keys or is_key):
            continue
        if packet.pts is None:
            raise MediaError(f"{name} has frames without a time; {REMEDY}")
        if is_key:
            keys.append(packet.pts)
        # An edit list discards packets that are needed only to decode later ones.
        if not packet.is_discard and is_shown(codec, memoryview(packet)):
            times.append(packet.pts)
    pts = _distinct(times, name)
    ends_early = reader.is_cut or _is_shorter_than(stream.duration, pts)
    return PacketTimes(pts, np.unique(np.asarray(keys, dtype=np.int64)), ends_early)


def is_shown(codec: str, packet: bytes | memoryview) -> bool:
    """Whether a packet of a codec has a frame to show. VP8 and VP9 have packets that only later ones refer to.

    A VP9 packet of several frames (a superframe, with a marker in its last byte) has one to show.
    """
    if not packet:
        return True
    first, last = packet[0], packet[-1]
    if codec == "vp8":
        return bool(first & 0x10)
    if codec != "vp9" or last & 0xE0 == 0xC0:
        return True
    is_later_profile = first & 0x30 == 0x30  # its header has a bit more
    flags = first >> (0 if is_later_profile else 1)
    shows_known, shows = flags & 0b100, flags & 0b001
    return bool(shows_known or shows)


def _distinct(times: list[int], name: str) -> Times:
    pts = np.unique(np.asarray(times, dtype=np.int64))
    if len(pts) == 0:
        raise MediaError(f"{name} has no frames; {REMEDY}")
    if len(pts) != len(times):
        raise MediaError(f"{name} has frames that share a time; {REMEDY}")
    return pts


def _is_shorter_than(duration: int | None, pts: Times) -> bool:
    """Whether a header's duration exceeds that of the packets by more than two frames."""
    if duration is None or len(pts) < 2:
        return False
    return duration > int(pts[-1] - pts[0]) + 2 * int(np.diff(pts).max())
