"""Values as files in the data folder, each replaced as a whole by rename.

They are not synced: a value that a crash takes is computed or read again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backend.codecs.atomic_file import write_atomically
from backend.codecs.full_disk import full_disk_told
from backend.codecs.sqlite_files import exclusive_lock

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*(?:/[a-z0-9][a-z0-9_.-]*)*")


def checked_name(name: str) -> str:
    """Raises ValueError for text that is no name of a note."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a note")
    return name


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

    def change(self, name: str, change: Callable[[bytes | None], bytes]) -> bytes:
        """Under a lock of the whole store: changes are few and short."""
        with full_disk_told(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with exclusive_lock(self.root):
                body = change(self.read(name))
                self.write(name, body)
        return body

    def values(self, folder: str) -> tuple[tuple[str, bytes], ...]:
        bodies = ((name, self.read(name)) for name in self.names(folder))
        return tuple((name, body) for name, body in bodies if body is not None)

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
        return self.root / checked_name(name)
