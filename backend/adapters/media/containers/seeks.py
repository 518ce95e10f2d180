"""Videos in which browsers do not go exactly to a frame, although they play every frame at its time.

Tried with Chromium: after a seek it shows a frame before or after the one that is at that time. A person on Label
Studio's page would draw on another picture than the one that Masklet reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_LARGEST_HEAD = 256 * 2**20
"""The bytes of an index that are looked at; that of a day of video has a tenth of it."""


class KeyOrder:
    """Looks at the times of packets, in the order of decoding.

    leads_key: whether a frame is shown before the key frame that is decoded before it: groups of pictures are open.
    key_is_later: whether a key frame is shown later than it is decoded.
    """

    def __init__(self) -> None:
        self.leads_key = False
        self.key_is_later = False
        self._key: int | None = None

    def add_key(self, pts: int | None, dts: int | None) -> None:
        self.key_is_later |= pts is not None and dts is not None and dts < pts
        self._key = pts

    def add(self, pts: int | None) -> None:
        """A frame that is shown."""
        self.leads_key |= pts is not None and self._key is not None and pts < self._key


def has_edit_list(path: Path) -> bool:
    """Whether an MP4 or MOV file has an edit list in its video track; also where that cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            size, place = file.tell(), 0
            while place + 8 <= size:
                file.seek(place)
                length, kind, head = _box(file.read(16), size - place)
                if kind == b"moov":
                    file.seek(place + head)
                    return _edits_video(file.read(min(length - head, _LARGEST_HEAD)))
                place += length
    except (OSError, ValueError):
        pass
    return True


def _edits_video(moov: bytes) -> bool:
    for kind, track in _boxes(moov):
        if kind != b"trak":
            continue
        parts = dict(_boxes(track))
        handler = dict(_boxes(parts.get(b"mdia", b""))).get(b"hdlr", b"")
        if handler[8:12] == b"vide":
            return b"elst" in dict(_boxes(parts.get(b"edts", b"")))
    return True


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and content of each box. Raises ValueError for a size that cannot be."""
    place = 0
    while place + 8 <= len(content):
        length, kind, head = _box(content[place : place + 16], len(content) - place)
        yield kind, content[place + head : place + length]
        place += length


def _box(start: bytes, most: int) -> tuple[int, bytes, int]:
    """Length, kind, and length of the head of the box that starts with these bytes. Raises ValueError."""
    length, kind, head = int.from_bytes(start[:4], "big"), start[4:8], 8
    if length == 1:
        length, head = int.from_bytes(start[8:16], "big"), 16
    elif length == 0:
        length = most
    if length < head:
        raise ValueError("a box is shorter than its head")
    return length, kind, head
