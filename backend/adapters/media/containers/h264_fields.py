"""The fields of H.264: which packets are the second field of the frame before.

Interlaced H.264 codes each frame as one picture or as two fields; containers have the fields as one packet or as two.
Reads parameter sets and the beginnings of slices (ITU-T H.264, 7.3.2.1.1 and 7.3.3), of interlaced streams only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_SLICES = (1, 5)
_PARAMETERS = 7
_HEAD_BYTES = 40
_PARAMETER_BYTES = 400
_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""Profiles whose parameter sets have the chroma format and scaling lists."""

_START = b"\x00\x00\x01"


@dataclass(frozen=True, slots=True)
class _Parameters:
    has_fields: bool
    frame_num_bits: int
    has_planes: bool


@dataclass(frozen=True, slots=True)
class _Field:
    """A field's frame number and parity. number None: of a packet that cannot be read."""

    number: int | None
    is_bottom: bool


class FieldPairs:
    """Pairs the fields of one stream, in the order of decoding."""

    def __init__(self, extradata: bytes) -> None:
        """extradata: avcC, or parameter sets behind start codes."""
        self._length_bytes = (extradata[4] & 3) + 1 if extradata[:1] == b"\x01" and len(extradata) > 6 else 0
        self._parameters: _Parameters | None = None
        for unit in _avcc_units(extradata) if self._length_bytes else _start_code_units(extradata):
            self._read_parameters(unit)
        self._open: _Field | None = None
        """A first field whose second one has not come."""
        self._first_is_bottom = False

    def is_second(self, packet: memoryview) -> bool:
        """Whether the packet is the second field of the frame before."""
        if self._parameters is not None and not self._parameters.has_fields and self._length_bytes:
            return False
        pictures = [picture for unit in self._units(bytes(packet)) for picture in self._picture(unit)]
        if self._parameters is None or not self._parameters.has_fields:
            return False
        fields = [picture for picture in pictures if picture is not None]
        if pictures and not fields:
            self._open = None
            return False
        first = fields[0] if fields else _Field(None, self._first_is_bottom != (self._open is not None))
        is_second = self._open is not None and _are_pair(self._open, first)
        is_whole = any(field.is_bottom != first.is_bottom for field in fields)
        if is_second or is_whole:
            self._open = None
        else:
            self._open = first
            self._first_is_bottom = first.is_bottom
        return is_second

    def _units(self, packet: bytes) -> Iterator[bytes]:
        """The first bytes of the packet's units, without their lengths or start codes."""
        if not self._length_bytes:
            yield from _start_code_units(packet)
            return
        position = 0
        while position + self._length_bytes < len(packet):
            start = position + self._length_bytes
            position = start + int.from_bytes(packet[position:start], "big")
            yield packet[start : min(position, start + _PARAMETER_BYTES)]

    def _picture(self, unit: bytes) -> Iterator[_Field | None]:
        """Of a slice its field, or None for a frame; nothing of other units."""
        kind = unit[0] & 0x1F if unit else 0
        if kind == _PARAMETERS:
            self._read_parameters(unit)
        if kind not in _SLICES or self._parameters is None or not self._parameters.has_fields:
            return
        bits = _Bits(unit[1:_HEAD_BYTES])
        (
            bits.unsigned(),
            bits.unsigned(),
            bits.unsigned(),
        )  # the first block, the kind of slice, the picture's parameters
        bits.read(2 if self._parameters.has_planes else 0)
        number = bits.read(self._parameters.frame_num_bits)
        yield _Field(number, bool(bits.read(1))) if bits.read(1) else None

    def _read_parameters(self, unit: bytes) -> None:
        if unit and unit[0] & 0x1F == _PARAMETERS:
            self._parameters = _parameters_of(unit[1:_PARAMETER_BYTES])


def _are_pair(first: _Field, second: _Field) -> bool:
    is_known = first.number is not None and second.number is not None
    return first.is_bottom != second.is_bottom and (not is_known or first.number == second.number)


def _parameters_of(body: bytes) -> _Parameters:
    bits = _Bits(body)
    profile = bits.read(8)
    bits.read(16)
    bits.unsigned()
    has_planes = False
    if profile in _WITH_CHROMA:
        chroma = bits.unsigned()
        has_planes = chroma == 3 and bool(bits.read(1))
        bits.unsigned(), bits.unsigned(), bits.read(1)
        if bits.read(1):
            for number in range(12 if chroma == 3 else 8):
                if bits.read(1):
                    _skip_scaling_list(bits, 16 if number < 6 else 64)
    frame_num_bits = min(bits.unsigned() + 4, 16)
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()
    elif order == 1:
        bits.read(1), bits.signed(), bits.signed()
        for _ in range(min(bits.unsigned(), 255)):
            bits.signed()
    bits.unsigned(), bits.read(1), bits.unsigned(), bits.unsigned()
    return _Parameters(not bits.read(1), frame_num_bits, has_planes)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = next_scale = 8
    for _ in range(size):
        if next_scale:
            next_scale = (last + bits.signed()) % 256
        last = next_scale or last


def _avcc_units(extradata: bytes) -> Iterator[bytes]:
    position = 6
    for _ in range(extradata[5] & 0x1F):
        size = int.from_bytes(extradata[position : position + 2], "big")
        yield extradata[position + 2 : position + 2 + size]
        position += 2 + size


def _start_code_units(content: bytes) -> Iterator[bytes]:
    position = content.find(_START)
    while position >= 0:
        start = position + len(_START)
        yield content[start : start + _PARAMETER_BYTES]
        position = content.find(_START, start)


class _Bits:
    """Reads numbers from the bits of a unit's body. Past its end, all bits are 0."""

    def __init__(self, body: bytes) -> None:
        plain = body.replace(b"\x00\x00\x03", b"\x00\x00")  # the 3 is put in so that no start code appears
        self._value = int.from_bytes(plain, "big")
        self._left = 8 * len(plain)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            return 0
        return self._value >> self._left & ((1 << count) - 1)

    def unsigned(self) -> int:
        """An Exp-Golomb number."""
        zeros = 0
        while zeros < 32 and self._left > 0 and not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)

    def signed(self) -> int:
        number = self.unsigned()
        return (number + 1) // 2 if number % 2 else -(number // 2)
