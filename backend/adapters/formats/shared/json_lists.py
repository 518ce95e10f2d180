"""Long JSON lists written piece by piece: what must stand later in the document waits in a file, not in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, BinaryIO, Self

from backend.application.ports.datasets import Target

BLOCK = 1 << 20


def json_bytes(value: object) -> bytes:
    """Compact JSON; characters that are no text (lone surrogates) are escaped, as all but ASCII is."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


class _Spooled:
    """Something in a spool file. A context manager; leaving it forgets what was put."""

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
    """A JSON list in a spool file. Use as a context manager; leaving it forgets the list."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, value: object) -> None:
        self.add_pieces([json_bytes(value)])

    def add_pieces(self, pieces: Iterable[bytes]) -> None:
        """One value whose JSON comes piece by piece."""
        if self._length:
            self._file.write(b",\n")
        for piece in pieces:
            self._file.write(piece)
        self._length += 1

    def pieces(self) -> Iterator[bytes]:
        """The whole list; nothing can be added after."""
        yield b"["
        self._file.seek(0)
        while block := self._file.read(BLOCK):
            yield block
        yield b"]"

    def write_to(self, out: BinaryIO) -> None:
        """Write the whole list into another file."""
        out.writelines(self.pieces())


class SpooledJsonLists(_Spooled):
    """JSON values put away in a spool file and taken out again, in any order. Closing it forgets them."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._end = 0

    def put(self, value: object) -> int:
        """Returns the ticket that takes the value out."""
        ticket = self._end
        self._end += self._file.write(json_bytes(value) + b"\n")
        return ticket

    def take(self, ticket: int) -> Any:  # noqa: ANN401 - what was put
        """Values are taken out only when all are put."""
        self._file.seek(ticket)
        return json.loads(self._file.readline())


def list_pieces(values: Iterable[object]) -> Iterator[bytes]:
    """A JSON list value by value."""
    yield b"["
    for position, value in enumerate(values):
        yield (b",\n" if position else b"") + json_bytes(value)
    yield b"]"


def write_object(out: BinaryIO, fields: dict[str, object], lists: dict[str, SpooledJsonList]) -> None:
    """Write a JSON object: its short fields, then its long lists."""
    body = json_bytes(fields)[:-1]
    out.write(body)
    for position, (name, waiting) in enumerate(lists.items()):
        out.write(b"," if fields or position else b"")
        out.write(json_bytes(name) + b":")
        waiting.write_to(out)
    out.write(b"}\n")
