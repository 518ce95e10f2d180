"""A streaming reader of JSON documents of any size: one value is in memory at a time.

For documents of known structure: the caller names the structure and takes values that fit memory, each with its
position in the file. Raises ValueError if the document has another structure.
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
    """A value and its position: bytes start..stop-1 of the file."""

    value: object
    start: int
    stop: int


class JsonScanner:
    """file: open for reading bytes, at the document's start."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        # Latin-1 maps a byte to one character: positions in the text are positions in the file.
        self._text = ""
        self._text_start = 0
        self._at = 0
        self._decoder = json.JSONDecoder()

    def members(self) -> Iterator[str]:
        """The names in an object. After each name the caller reads its value: by take, members or items."""
        self._expect("{")
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            name = self.take().value
            if not isinstance(name, str):
                raise ValueError(f"a name is expected at byte {self._offset}")
            self._expect(":")
            yield name
            if self._expect_one_of(",", "}") == "}":
                return

    def items(self) -> Iterator[None]:
        """Yields once per value in a list. Each time the caller reads the value: by take, members or items."""
        self._expect("[")
        if self._peek() == "]":
            self._at += 1
            return
        while True:
            yield
            if self._expect_one_of(",", "]") == "]":
                return

    def take(self) -> Placed:
        """The next value, complete."""
        self._peek()
        while True:
            try:
                _, stop = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._more():
                    raise ValueError(f"no JSON at byte {self._offset}") from error
                continue
            # A prefix of a number is a number too: a value is complete only if a delimiter follows.
            if self._text[stop : stop + 1] in ENDS or not self._more():
                break
        # Decode again from the bytes: names and strings may hold UTF-8.
        value = json.loads(self._text[self._at : stop].encode("latin-1"))
        placed = Placed(value, self._offset, self._text_start + stop)
        self._at = stop
        return placed

    @property
    def _offset(self) -> int:
        return self._text_start + self._at

    def _peek(self) -> str:
        """The next character that is not white space; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in WHITESPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _expect(self, character: str) -> None:
        self._expect_one_of(character, character)

    def _expect_one_of(self, first: str, second: str) -> str:
        found = self._peek()
        if found not in (first, second) or not found:
            raise ValueError(f"{first!r} is expected at byte {self._offset}, not {found!r}")
        self._at += 1
        return found

    def _more(self) -> bool:
        """Read the next block, keeping the text that was not taken. False at the end of the file."""
        rest = self._text[self._at :]
        if len(rest) > LARGEST_VALUE:
            raise ValueError(f"the value at byte {self._offset} is too large")
        block = self._file.read(max(BLOCK, len(rest)))
        if not block:
            return False
        self._text_start += self._at
        self._at = 0
        self._text = rest + block.decode("latin-1")
        return True
