"""H.264 whose frames are two fields, as cameras and broadcasts have it; encoders at hand do not write it.

Every macroblock is I_PCM: its samples as they are (ITU-T H.264, 7.3.5).
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.fakes.clips import numbered_frame

WIDTH = HEIGHT = 64
RATE = 25
START = b"\x00\x00\x00\x01"
I_PCM = 25


class _Bits:
    def __init__(self) -> None:
        self._bits: list[str] = []

    def fixed(self, value: int, count: int) -> None:
        self._bits.append(f"{value:0{count}b}" if count else "")

    def golomb(self, *values: int) -> None:
        for value in values:
            text = f"{value + 1:b}"
            self._bits.append("0" * (len(text) - 1) + text)

    def samples(self, block: NDArray[np.uint8]) -> None:
        self.align()
        self._bits.append("".join(f"{value:08b}" for value in block.ravel()))

    def align(self) -> None:
        text = "".join(self._bits)
        self._bits = [text + "0" * (-len(text) % 8)]

    def unit(self, header: int) -> bytes:
        """The unit with its start code, and a 3 wherever a start code would appear in it."""
        self.fixed(1, 1)
        self.align()
        text = self._bits[0]
        body = bytearray([header])
        for byte in int(text, 2).to_bytes(len(text) // 8, "big"):
            if byte <= 3 and body[-2:] == b"\x00\x00":
                body.append(3)
            body.append(byte)
        return START + bytes(body)


def _parameters() -> bytes:
    sequence = _Bits()
    for value in (77, 0, 30):  # the Main profile
        sequence.fixed(value, 8)
    sequence.golomb(0, 0, 2, 1)  # frame numbers of 4 bits, shown in the order of decoding, one reference
    sequence.fixed(0, 1)
    sequence.golomb(WIDTH // 16 - 1, HEIGHT // 32 - 1)
    sequence.fixed(0b00100, 5)  # not frames only; no adaptive macroblocks, direct_8x8_inference, no cropping, no VUI
    picture = _Bits()
    picture.golomb(0, 0)
    picture.fixed(0, 2)
    picture.golomb(0, 0, 0)
    picture.fixed(0, 3)
    picture.golomb(0, 0, 0)
    picture.fixed(0b100, 3)  # the deblocking filter can be switched off
    return sequence.unit(0x67) + picture.unit(0x68)


def _field(number: int, *, is_bottom: bool, group: int) -> bytes:
    picture = numbered_frame(number, width=WIDTH, height=HEIGHT)[is_bottom::2, :, 1]
    is_first = number % group == 0 and not is_bottom
    bits = _Bits()
    bits.golomb(0, 7, 0)
    bits.fixed(number % group % 16, 4)
    bits.fixed(0b11 if is_bottom else 0b10, 2)
    if is_first:
        bits.golomb(number % 2)
    bits.fixed(0, 2 if is_first else 1)
    bits.golomb(0, 1)
    for top in range(0, HEIGHT // 2, 16):
        for left in range(0, WIDTH, 16):
            bits.golomb(I_PCM)
            bits.samples(picture[top : top + 16, left : left + 16])
            bits.samples(np.full(128, 128, np.uint8))
    return bits.unit(0x65 if is_first else 0x61)


def write_fields(path: Path, frame_count: int, *, group: int = 5, together: bool = False) -> Path:
    """A video of numbered frames, two fields each. together: both fields in one packet; else each in its own."""
    plain = path.with_suffix(".h264")
    plain.write_bytes(_parameters() + _field(0, is_bottom=False, group=group))
    with av.open(str(plain)) as template, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(template.streams.video[0])
        for number in range(frame_count):
            fields = [_field(number, is_bottom=is_bottom, group=group) for is_bottom in (False, True)]
            if number % group == 0:
                fields[0] = _parameters() + fields[0]
            for second, body in enumerate([b"".join(fields)] if together else fields):
                packet = av.Packet(body)
                packet.stream = stream
                packet.time_base = Fraction(1, 2 * RATE)
                packet.pts = packet.dts = 2 * number + second
                packet.duration = 2 if together else 1
                packet.is_keyframe = number % group == 0 and not second
                container.mux(packet)
    return path
