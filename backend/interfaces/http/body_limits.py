"""What a request body may cost: time, memory, depth and number of values, checked while it arrives.

JSON of a few megabytes can become gigabytes of Python objects: three bytes of text are an empty list of 64. The scan
estimates that before the JSON is parsed, from the bytes alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from starlette.exceptions import HTTPException

from backend.domain.errors import MalformedRequest, TooLarge

MAX_DEPTH = 100
"""Label Studio's own bodies are about ten levels deep."""

MAX_CONTAINERS = 500_000
"""Lists and objects of one body. A body of 64 MiB full of keyframes of boxes has about that many."""

MAX_KEYS_OF_OBJECT = 20_000

EXPANSION = 8
"""The parsed values of a body may take up to this many times the largest body."""

UNREAD_BODIES = 4
"""The bodies that are still arriving may take up to this many times the largest body, together."""

BODIES_IN_FLIGHT = 12
"""All bodies, read and parsed, may take up to this many times the largest body."""

RETRY_AFTER_S = 2

CONTAINER_BYTES, KEY_BYTES, TEXT_BYTES, NUMBER_BYTES, POINTER_BYTES = 120, 72, 64, 24, 8

_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_FOLD = np.uint8(0x20)
"""Sets the bit in which [ differs from { and ] from }."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """max_bytes: of one body. silence_s: longest pause between two chunks. whole_s: longest time for the whole."""

    max_bytes: int
    silence_s: float = 15.0
    whole_s: float = 60.0


class BodyMemory:
    """The memory of all bodies in flight. For one thread: the event loop's."""

    def __init__(self, max_bytes: int) -> None:
        """max_bytes: of one body."""
        self._most_unread = UNREAD_BODIES * max_bytes
        self._most = BODIES_IN_FLIGHT * max_bytes
        self.unread = 0
        self.held = 0
        """Bytes of all bodies in flight, those that are unread among them."""

    @contextmanager
    def reserve(self) -> Iterator[Reservation]:
        """A reservation for one request, given back at the end of the block."""
        reservation = Reservation(self)
        try:
            yield reservation
        finally:
            reservation.release()

    def add(self, unread: int, held: int) -> None:
        """Raises HTTPException 503 with Retry-After if more is asked for than is left."""
        if (unread > 0 and self.unread + unread > self._most_unread) or (held > 0 and self.held + held > self._most):
            raise HTTPException(
                503,
                "too many large request bodies are being read at once; ask again",
                headers={"Retry-After": str(RETRY_AFTER_S), "Connection": "close"},
            )
        self.unread += unread
        self.held += held


class Reservation:
    """The memory of one request."""

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self._unread = 0
        self._held = 0

    def read(self, size: int) -> None:
        """Reserves size bytes that arrived. Raises HTTPException 503."""
        self._memory.add(size, size)
        self._unread += size
        self._held += size

    def parse(self, estimate: int) -> None:
        """Reserves what the parsed values take, bytes; the body has arrived. Raises HTTPException 503."""
        self._memory.add(-self._unread, 0)
        self._unread = 0
        self._memory.add(0, estimate)
        self._held += estimate

    def release(self) -> None:
        self._memory.add(-self._unread, -self._held)
        self._unread = self._held = 0


class JsonScan:
    """Depth, number of containers and estimated memory of a JSON text that arrives in chunks."""

    def __init__(self, max_bytes: int) -> None:
        """max_bytes: of one body; see EXPANSION."""
        self._most = EXPANSION * max_bytes
        self._in_text = np.uint8(0)
        self._escape_is_open = False
        self._depth = 0
        self._containers = 0
        self._keys_in_a_row = 0
        self._size = 0
        self._widest = 0
        self._values_bytes = 0

    @property
    def estimate(self) -> int:
        """Bytes that the text and its values take once they are parsed."""
        bytes_per_character = 4 if self._widest >= 0xF0 else 2 if self._widest >= 0xC4 else 1
        return self._values_bytes + self._size * bytes_per_character

    def feed(self, chunk: bytes) -> None:
        """Counts a chunk in. Raises MalformedRequest for too much depth, TooLarge for too many values."""
        if not chunk:
            return
        self._size += len(chunk)
        characters = np.frombuffer(self._without_escapes(chunk), np.uint8)
        self._widest = max(self._widest, int(characters.max()))
        quotes = characters == ord('"')
        in_text = (np.cumsum(quotes, dtype=np.uint8) + self._in_text) & np.uint8(1)
        self._in_text = in_text[-1]
        outside = in_text == 0
        folded = (characters | _FOLD) * outside
        opened, closed = folded == ord("{"), folded == ord("}")
        self._follow_depth(opened, closed)
        texts, keys = int(np.count_nonzero(quotes)) // 2, self._count_keys(folded == ord(":"), opened | closed)
        containers = int(np.count_nonzero(opened))
        self._containers += containers
        self._values_bytes += (
            containers * CONTAINER_BYTES
            + keys * KEY_BYTES
            + max(texts - keys, 0) * TEXT_BYTES
            + _long_numbers(characters, outside) * NUMBER_BYTES
            + int(np.count_nonzero(folded == (ord(",") | int(_FOLD)))) * POINTER_BYTES
        )
        if self._containers > MAX_CONTAINERS:
            raise TooLarge(f"the request body holds more than {MAX_CONTAINERS} lists and objects")
        if self._values_bytes > self._most:
            raise TooLarge(
                f"the request body holds so many values that they would take more than {self._most / 2**20:g} MiB"
            )

    def _without_escapes(self, chunk: bytes) -> bytes:
        """The chunk with every escaped character replaced; an escape may begin in one chunk and end in the next."""
        if self._escape_is_open:
            chunk = b"_" + chunk[1:]
            self._escape_is_open = False
        if b"\\" not in chunk:
            return chunk
        chunk = _ESCAPED.sub(b"__", chunk)
        self._escape_is_open = chunk.endswith(b"\\")
        return chunk

    def _count_keys(self, colons: NDArray[np.bool_], brackets: NDArray[np.bool_]) -> int:
        """The number of keys. Raises TooLarge for too many without a bracket between them: they are of one object."""
        counts = np.cumsum(colons, dtype=np.int32)
        at_brackets = counts[brackets]
        rows = np.diff(at_brackets, prepend=np.int32(-self._keys_in_a_row), append=counts[-1])
        self._keys_in_a_row = int(rows[-1])
        if int(rows.max()) > MAX_KEYS_OF_OBJECT:
            raise TooLarge(f"the request body has an object with more than {MAX_KEYS_OF_OBJECT} keys")
        return int(counts[-1])

    def _follow_depth(self, opened: NDArray[np.bool_], closed: NDArray[np.bool_]) -> None:
        steps = np.cumsum(opened.view(np.int8) - closed.view(np.int8), dtype=np.int32)
        if self._depth + int(steps.max()) > MAX_DEPTH:
            raise MalformedRequest(f"invalid JSON: it is nested too deeply, more than {MAX_DEPTH} levels")
        self._depth += int(steps[-1])


def _long_numbers(characters: NDArray[np.uint8], outside: NDArray[np.bool_]) -> int:
    """About how many numbers are objects of their own: fractions, and whole numbers of four digits and more."""
    digits = ((characters - np.uint8(ord("0"))) < 10) & outside
    four = digits[3:] & digits[2:-1] & digits[1:-2] & digits[:-3]
    runs = int(np.count_nonzero(four[1:] & ~four[:-1])) + int(four[:1].any())
    return runs + int(np.count_nonzero((characters == ord(".")) & outside))
