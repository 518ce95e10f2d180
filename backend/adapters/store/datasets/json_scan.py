"""A JSON document of any size, walked through without holding more than one of its values.

For documents whose outline is known: the walker says what it expects, and takes values small enough for memory, each
with its place in the file. Raises ValueError where the document is another one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

BLOCK = 1 << 18
LARGEST_VALUE = 1 << 26
WHITESPACE = " \t\r\n"
ENDS = frozenset((*WHITESPACE, ",", ":", "]", "}"))


@dataclass(frozen=True, slots=True)
class Placed:
    """A value and its place: bytes start..stop-1 of the file."""

    value: object
    start: int
    stop: int


class JsonScanner:
    """file: open for reading bytes, at the document's start."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        # Bytes as characters of the same number, so that places in the text are places in the file.
        self._text = ""
        self._text_start = 0
        self._at = 0
        self._decoder = json.JSONDecoder()

    def members(self) -> Iterator[str]:
        """The names in an object; after each the walker takes or walks through its value."""
        self._expect("{")
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            name = self.take().value
            if not isinstance(name, str):
                raise ValueError(f"a name is expected at byte {self._place}")
            self._expect(":")
            yield name
            if self._either(",", "}") == "}":
                return

    def items(self) -> Iterator[None]:
        """Once for each value in a list; each time the walker takes or walks through it."""
        self._expect("[")
        if self._peek() == "]":
            self._at += 1
            return
        while True:
            yield
            if self._either(",", "]") == "]":
                return

    def take(self) -> Placed:
        """The next value, whole."""
        self._peek()
        while True:
            try:
                _, stop = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._more():
                    raise ValueError(f"no JSON at byte {self._place}") from error
                continue
            # Half a number is a number too: only what must follow a value tells that it is whole.
            if self._text[stop : stop + 1] in ENDS or not self._more():
                break
        # Read again from the bytes: names and texts may be more than ASCII.
        value = json.loads(self._text[self._at : stop].encode("latin-1"))
        placed = Placed(value, self._place, self._text_start + stop)
        self._at = stop
        return placed

    @property
    def _place(self) -> int:
        return self._text_start + self._at

    def _peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in WHITESPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _expect(self, character: str) -> None:
        self._either(character, character)

    def _either(self, first: str, second: str) -> str:
        found = self._peek()
        if found not in (first, second) or not found:
            raise ValueError(f"{first!r} is expected at byte {self._place}, not {found!r}")
        self._at += 1
        return found

    def _more(self) -> bool:
        """Read on, keeping what is not taken yet."""
        kept = self._text[self._at :]
        if len(kept) > LARGEST_VALUE:
            raise ValueError(f"the value at byte {self._place} is too large")
        block = self._file.read(max(BLOCK, len(kept)))
        if not block:
            return False
        self._text_start += self._at
        self._at = 0
        self._text = kept + block.decode("latin-1")
        return True
