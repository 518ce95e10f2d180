"""Label Studio's brush RLE: bit-packed run lengths of an RGBA image's bytes, alpha being the mask.

The stream is a header of 53 bits (32: number of bytes, 5: word size - 1, 4 x 4: sizes of the four kinds of run
length - 1), then records: 1 bit "run", 2 bits kind of run length, the length - 1, and one word (a run) or as many
words as the length says (a literal). A mask's four channels are equal, so every run is a multiple of four bytes: the
records follow from the mask's own runs without an RGBA image. The bytes equal those of
`label_studio_sdk.converter.brush.mask2rle` for a mask of 0 and 255, padding included, without its Python loop.

The decoder also reads browsers' streams (coloured pixels, literals), checks every length, and allocates one byte a
pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import PromptError, TooLarge
from backend.domain.geometry import MAX_FRAME_PX, BoolMask, FrameSize

CHANNELS = 4
WORD_BITS = 8
LENGTH_BITS = (3, 4, 8, 16)
MAX_RUN_BYTES = 1 << LENGTH_BITS[-1]
HEADER_BITS = 32 + 5 + 4 * len(LENGTH_BITS)
OPAQUE_FROM = 128
"""Least alpha of a mask pixel: a brush's soft edge is split in the middle."""

_MAX_LENGTH_OF_KIND = np.array([1 << bits for bits in LENGTH_BITS])
_RECORD_BITS = np.array([3 + bits + WORD_BITS for bits in LENGTH_BITS], np.uint64)


def encode_rle(mask: BoolMask) -> list[int]:
    """The brush RLE of a mask, as the list of bytes that Label Studio's JSON holds.

    mask: [H, W] bool; True becomes 255 in all four channels. Raises TooLarge above 2^26 pixels.
    """
    if mask.size > MAX_FRAME_PX:
        raise TooLarge(f"a mask of {mask.shape[1]}x{mask.shape[0]} pixels is too large for Label Studio's RLE")
    lengths, values = _runs(np.ascontiguousarray(mask, dtype=np.bool_).reshape(-1))
    words, bits = _records(lengths * CHANNELS, values)
    header_words, header_bits = _header(mask.size * CHANNELS)
    packed = _pack(np.concatenate((header_words, words)), np.concatenate((header_bits, bits)))
    encoded: list[int] = packed.tolist()
    return encoded


def _header(byte_count: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The header as two words: `_pack` takes words of at most 32 bits."""
    fields = WORD_BITS - 1
    for bits in LENGTH_BITS:
        fields = fields << 4 | (bits - 1)
    return np.array([byte_count, fields], np.uint64), np.array([32, HEADER_BITS - 32], np.uint64)


def _runs(pixels: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Lengths and values of a flat mask's runs. pixels: [N] -> [R], [R]"""
    changes = np.flatnonzero(pixels[1:] != pixels[:-1])
    last_of_run = np.append(changes, pixels.size - 1)
    return np.diff(last_of_run, prepend=-1), pixels[last_of_run]


def _records(lengths: NDArray[np.int64], values: NDArray[np.bool_]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """One record per piece of a run, right-aligned, and its number of bits (14 to 27). [R] -> [P], [P]"""
    kinds = np.minimum(np.searchsorted(_MAX_LENGTH_OF_KIND, lengths), len(LENGTH_BITS) - 1)
    pieces = -(-lengths // MAX_RUN_BYTES)
    if pieces.max() > 1:
        # A run of more than 65,536 bytes is several records, the last with what remains: all of the longest kind.
        kinds, values = np.repeat(kinds, pieces), np.repeat(values, pieces)
        lengths = _cut(lengths, pieces)
    bits = _RECORD_BITS[kinds]
    lead = (4 | kinds).astype(np.uint64) << (bits - np.uint64(3))
    word = np.where(values, np.uint64(255), np.uint64(0))
    return lead | (lengths - 1).astype(np.uint64) << np.uint64(WORD_BITS) | word, bits


def _cut(lengths: NDArray[np.int64], pieces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Runs cut into the given numbers of pieces, all but the last of the full length. [R], [R] -> [P]"""
    cut = np.full(int(pieces.sum()), MAX_RUN_BYTES, np.int64)
    cut[np.cumsum(pieces) - 1] = lengths - (pieces - 1) * MAX_RUN_BYTES
    return cut


def _pack(words: NDArray[np.uint64], bits: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Concatenate right-aligned words of 1 to 32 bits, big-endian, zero-padded to more than the last bit.

    A word that starts in one 32-bit lane ends at the latest in the next one, so each lane is the OR of the words
    that start in it and of at most one that started before it.
    """
    ends = np.cumsum(bits)
    starts = ends - bits
    lanes = (starts >> np.uint64(5)).astype(np.int64)
    placed = words << (np.uint64(64) - bits - (starts & np.uint64(31)))  # aligned to its lane's first bit
    first_in_lane = np.flatnonzero(np.diff(lanes, prepend=-1))
    packed = np.zeros(int(lanes[-1]) + 2, np.uint32)
    packed[lanes[first_in_lane]] = np.bitwise_or.reduceat(placed >> np.uint64(32), first_in_lane)
    spill = (placed & np.uint64(0xFFFF_FFFF)).astype(np.uint32)
    reaching = np.flatnonzero(spill)
    packed[lanes[reaching] + 1] |= spill[reaching]
    # The reference always adds padding: a whole byte of it if the bits end on a byte's edge.
    return packed.astype(">u4").view(np.uint8)[: int(ends[-1]) // 8 + 1]


def decode_rle(rle: Sequence[int], size: FrameSize) -> BoolMask:
    """The mask in a brush RLE: [H, W] bool, True where alpha is at least one half.

    rle: bytes as integers 0..255, as in Label Studio's JSON. size: the image's, from original_width and
    original_height. Raises PromptError if the stream is cut short, runs past the image or belongs to another size,
    TooLarge above 2^26 pixels.
    """
    if size.pixels > MAX_FRAME_PX:
        raise TooLarge(f"a mask of {size.width}x{size.height} pixels is too large")
    reader = _Reader.of(rle)
    byte_count = reader.take(32)
    if byte_count != size.pixels * CHANNELS:
        raise PromptError(
            f"the brush RLE holds {byte_count} bytes, but an image of {size.width}x{size.height} pixels has "
            f"{size.pixels * CHANNELS}"
        )
    word_bits = reader.take(5) + 1
    if word_bits != WORD_BITS:
        raise PromptError(f"the brush RLE has words of {word_bits} bits; only 8 can be read")
    length_bits = tuple(reader.take(4) + 1 for _ in LENGTH_BITS)
    mask = np.zeros(size.pixels, np.bool_)
    _fill(mask, reader, length_bits)
    return mask.reshape(size.height, size.width)


def _fill(mask: BoolMask, reader: _Reader, length_bits: tuple[int, ...]) -> None:
    """Reads the records into a flat mask. mask: [N]. The alpha of pixel n is byte 4 n + 3."""
    done, end = 0, mask.size * CHANNELS
    while done < end:
        length, word = reader.take_record(length_bits)
        if done + length > end:
            raise PromptError(f"the brush RLE runs past the image's end, to byte {done + length} of {end}")
        pixels = slice(done // CHANNELS, (done + length) // CHANNELS)
        if word is None:
            alpha = reader.take_words(length)[CHANNELS - 1 - done % CHANNELS :: CHANNELS]
            mask[pixels] = alpha >= OPAQUE_FROM
        elif word >= OPAQUE_FROM:
            mask[pixels] = True
        done += length


@dataclass(slots=True)
class _Reader:
    """A cursor over the stream's bits. data ends with 8 spare zero bytes: a read window may pass the end."""

    data: bytes
    end: int
    position: int = 0

    @classmethod
    def of(cls, rle: Sequence[int]) -> _Reader:
        try:
            data = bytes(rle)
        except (TypeError, ValueError, OverflowError) as error:
            raise PromptError("the brush RLE must be a list of whole numbers from 0 to 255") from error
        return cls(data + bytes(8), 8 * len(data))

    def take(self, bits: int) -> int:
        """The next 1 to 32 bits as a number."""
        start = self.position
        self._advance(bits)
        window = int.from_bytes(self.data[start >> 3 : (start >> 3) + 5], "big")
        return window >> (40 - (start & 7) - bits) & ((1 << bits) - 1)

    def take_record(self, length_bits: tuple[int, ...]) -> tuple[int, int | None]:
        """A record's length and its word; None for a literal, whose words follow.

        A drawn mask has hundreds of records; for speed each is cut out of one 32-bit number: it has 14 to 27 bits.
        """
        start = self.position
        record = int.from_bytes(self.data[start >> 3 : (start >> 3) + 5], "big") >> 8 - (start & 7)
        bits = length_bits[record >> 29 & 3]
        length = (record >> 29 - bits & (1 << bits) - 1) + 1
        if record >> 31 & 1:
            self._advance(3 + bits + WORD_BITS)
            return length, record >> 21 - bits & 255
        self._advance(3 + bits)
        return length, None

    def take_words(self, count: int) -> NDArray[np.uint8]:
        """The next count bytes, not necessarily byte-aligned. -> [count] uint8"""
        start = self.position
        self._advance(count * WORD_BITS)
        raw = np.frombuffer(self.data, np.uint8, count + 1, start >> 3)
        shift = start & 7
        if shift == 0:
            return raw[:count]
        pairs = raw[:count].astype(np.uint16) << 8 | raw[1:]
        return (pairs >> (8 - shift)).astype(np.uint8)

    def _advance(self, bits: int) -> None:
        self.position += bits
        if self.position > self.end:
            raise PromptError(f"the brush RLE ends in the middle: {self.end // 8} bytes are too few")
