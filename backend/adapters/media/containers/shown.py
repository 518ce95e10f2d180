"""Which packets of a video have a frame to show: a packet is not a frame.

VP8 and VP9 have packets that only later ones refer to. The two fields of an H.264 frame may be two packets.
"""

from __future__ import annotations

from backend.adapters.media.containers.h264_fields import FieldPairs

_VP8_KEY_START = b"\x9d\x01\x2a"
_VP9_MARKER = 0x80


class ShownPackets:
    """Looks at the packets of one stream, in the order of decoding."""

    def __init__(self, codec: str, extradata: bytes) -> None:
        """codec: FFmpeg's name of it. extradata: the stream's parameters, from its header."""
        self._codec = codec
        self._fields = FieldPairs(extradata) if codec == "h264" else None

    def is_shown(self, packet: memoryview) -> bool:
        """Whether the packet has a frame, or the first of its two fields."""
        if self._fields is not None:
            return not self._fields.is_second(packet)
        return is_shown(self._codec, packet)


def is_shown(codec: str, packet: bytes | memoryview) -> bool:
    """Whether a packet of VP8 or VP9 has a frame to show; of another codec, all have.

    A VP9 packet of several frames (a superframe, with a marker in its last byte) has one to show. A damaged packet
    counts as a frame.
    """
    if not packet:
        return True
    first, last = packet[0], packet[-1]
    if codec == "vp8":
        is_damaged = not first & 1 and bytes(packet[3:6]) != _VP8_KEY_START
        return is_damaged or bool(first & 0x10)
    if codec != "vp9" or last & 0xE0 == 0xC0 or first & 0xC0 != _VP9_MARKER:
        return True
    is_later_profile = first & 0x30 == 0x30  # its header has a bit more
    flags = first >> (0 if is_later_profile else 1)
    shows_known, shows = flags & 0b100, flags & 0b001
    return bool(shows_known or shows)
