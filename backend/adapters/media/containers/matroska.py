"""Damage in Matroska and WebM: a broken header of a block costs all blocks up to the next cluster, without an error.

Finds such places by the bytes that belong to no packet. Which frames were there: packet_times.py.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from backend.adapters.media.containers.browsers import format_of

_CLUSTER = b"\x1f\x43\xb6\x75"
_BLOCK_HEAD = 4
"""The bytes of a block before its frame: track, time and flags. A packet's position is that of the block."""

_BETWEEN_BLOCKS = 24
_BETWEEN_CLUSTERS = 64
"""The most bytes that intact files have between two packets."""

_DURATION = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


def is_matroska(container: InputContainer) -> bool:
    return format_of(container) == "matroska"


def unread_places(container: InputContainer, path: Path) -> list[int]:
    """Positions in the file, ascending, before bytes that are of no packet. Reads all packets of all streams."""
    blocks: dict[int, int] = {}
    for packet in container.demux():
        if packet.size and packet.pos is not None:
            blocks[packet.pos] = blocks.get(packet.pos, _BLOCK_HEAD) + packet.size
    found, end = [], min(blocks, default=0)
    with path.open("rb") as file:
        for start, size in sorted(blocks.items()):
            if start - end > _BETWEEN_BLOCKS:
                file.seek(end)
                is_new_cluster = _CLUSTER in file.read(min(start - end, _BETWEEN_CLUSTERS))
                if start - end > _BETWEEN_CLUSTERS or not is_new_cluster:
                    found.append(end)
            end = max(end, start + size)
    return found


def claimed_duration(stream: VideoStream) -> int | None:
    """The stream's duration by its tag, in units of its time base; None without one."""
    found = _DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    if found is None or stream.time_base is None:
        return None
    hours, minutes, seconds = found.groups()
    return int((int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)) / stream.time_base)
