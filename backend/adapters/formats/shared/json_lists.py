"""Long JSON lists, written in pieces. Values for a later part of the document are spooled to a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, BinaryIO, Self

from backend.application.ports.datasets import Target

BLOCK = 1 << 20


def json_bytes(value: object) -> bytes:
    """Compact JSON in ASCII: all other characters are escaped, lone surrogates included."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


class _Spooled:
    """Values in a spool file. A context manager; leaving it removes the file."""

    def __init__(self, target: Target) -> None:
        self._file = target.spool()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SpooledJsonList(_Spooled):
    """A JSON list in a spool file."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, value: object) -> None:
        self.add_pieces([json_bytes(value)])

    def add_pieces(self, pieces: Iterable[bytes]) -> None:
        """Add one value whose JSON comes in pieces."""
        if self._length:
            self._file.write(b",\n")
        for piece in pieces:
            self._file.write(piece)
        self._length += 1

    def pieces(self) -> Iterator[bytes]:
        """The whole list. No value can be added after this call."""
        yield b"["
        self._file.seek(0)
        while block := self._file.read(BLOCK):
            yield block
        yield b"]"

    def write_to(self, out: BinaryIO) -> None:
        """Write the whole list into another file."""
        out.writelines(self.pieces())


class SpooledJsonLists(_Spooled):
    """JSON values in a spool file, read back in any order."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._end = 0

    def put(self, value: object) -> int:
        """Append a value; returns its offset in bytes, for `take`."""
        offset = self._end
        self._end += self._file.write(json_bytes(value) + b"\n")
        return offset

    def take(self, offset: int) -> Any:  # noqa: ANN401 - any JSON value
        """The value at an offset. No value can be put after the first call."""
        self._file.seek(offset)
        return json.loads(self._file.readline())


def list_pieces(values: Iterable[object]) -> Iterator[bytes]:
    """A JSON list, one value at a time."""
    yield b"["
    for position, value in enumerate(values):
        yield (b",\n" if position else b"") + json_bytes(value)
    yield b"]"


def write_object(out: BinaryIO, fields: dict[str, object], lists: dict[str, SpooledJsonList]) -> None:
    """Write a JSON object: its short fields, then its long lists."""
    body = json_bytes(fields)[:-1]
    out.write(body)
    for position, (name, values) in enumerate(lists.items()):
        out.write(b"," if fields or position else b"")
        out.write(json_bytes(name) + b":")
        values.write_to(out)
    out.write(b"}\n")
