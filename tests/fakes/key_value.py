"""A KeyValueStore in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class MemoryKeyValueStore:
    """A KeyValueStore in memory."""

    kept: dict[str, bytes] = field(default_factory=dict)

    def read(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def write(self, name: str, body: bytes) -> None:
        self.kept.pop(name, None)
        self.kept[name] = body

    def change(self, name: str, change: Callable[[bytes | None], bytes]) -> bytes:
        self.write(name, change(self.read(name)))
        return self.kept[name]

    def values(self, folder: str) -> tuple[tuple[str, bytes], ...]:
        return tuple((name, self.kept[name]) for name in self.names(folder))

    def names(self, folder: str) -> tuple[str, ...]:
        found = [name for name in self.kept if name.rpartition("/")[0] == folder]
        return tuple(reversed(found))

    def folders(self, folder: str) -> tuple[str, ...]:
        parents = {name.rpartition("/")[0] for name in self.kept}
        return tuple(sorted(parent for parent in parents if parent.rpartition("/")[0] == folder))

    def remove(self, name: str) -> None:
        self.kept.pop(name, None)
