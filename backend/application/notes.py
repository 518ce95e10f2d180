"""Small things to remember beside the ledger: what a canvas was shown, what was reset, how far annotations were read.

Losing a note costs a repetition or a needless prompt, never a prompt or a mask: those are the ledger's and the mask
store's. Names are paths of plain words; the last part may be anything that the writer made up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Notes(Protocol):
    """Named bytes that outlive the process. Writing a name again replaces it as a whole."""

    def read(self, name: str) -> bytes | None: ...

    def write(self, name: str, body: bytes) -> None: ...

    def names(self, folder: str) -> tuple[str, ...]:
        """The names right below a folder ("shown/1-7"), the one written last first."""
        ...

    def remove(self, name: str) -> None: ...


@dataclass(slots=True)
class MemoryNotes:
    """Notes that end with the process: for a web process without a data folder of its own, and for tests."""

    kept: dict[str, bytes] = field(default_factory=dict)

    def read(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def write(self, name: str, body: bytes) -> None:
        self.kept.pop(name, None)
        self.kept[name] = body

    def names(self, folder: str) -> tuple[str, ...]:
        found = [name for name in self.kept if name.rpartition("/")[0] == folder]
        return tuple(reversed(found))

    def remove(self, name: str) -> None:
        self.kept.pop(name, None)
