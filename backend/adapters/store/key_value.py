"""Values as files in the data folder, each replaced as a whole by rename.

They are not synced: a value that a crash takes is computed or read again.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backend.codecs.atomic_file import write_atomically
from backend.codecs.full_disk import full_disk_told

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*(?:/[a-z0-9][a-z0-9_.-]*)*")


@dataclass(frozen=True, slots=True)
class FileKeyValueStore:
    """A KeyValues port on a folder; made when the first note is written. Raises StorageFull, and other OSErrors."""

    root: Path

    def read(self, name: str) -> bytes | None:
        with suppress(FileNotFoundError):
            return self._path(name).read_bytes()
        return None

    def write(self, name: str, body: bytes) -> None:
        path = self._path(name)
        with full_disk_told(self.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, body, mode=0o600)

    def names(self, folder: str) -> tuple[str, ...]:
        written: list[tuple[int, str]] = []
        with suppress(FileNotFoundError, NotADirectoryError):
            for path in self._path(folder).iterdir():
                with suppress(FileNotFoundError):
                    if not path.name.startswith(".") and path.is_file():
                        written.append((path.stat().st_mtime_ns, f"{folder}/{path.name}"))
        return tuple(name for _, name in sorted(written, reverse=True))

    def folders(self, folder: str) -> tuple[str, ...]:
        """One that its last note has left stays on the disk, for somebody may be about to write into it."""
        found: list[str] = []
        with suppress(FileNotFoundError):
            for path in self._path(folder).iterdir():
                if path.is_dir() and any(path.iterdir()):
                    found.append(f"{folder}/{path.name}")
        return tuple(sorted(found))

    def remove(self, name: str) -> None:
        """A folder of notes is none, and stays."""
        with suppress(FileNotFoundError, IsADirectoryError):
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a note")
        return self.root / name
