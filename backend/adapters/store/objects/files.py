"""Objects as files of a folder: written beside their place, synced and renamed; copies are hard links."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from backend.adapters.store.objects.objects import Change
from backend.codecs.atomic_file import create_atomically, sync_path, write_atomically
from backend.codecs.full_disk import is_full, storage_full
from backend.domain.errors import IntegrityError, ServiceUnavailable


class FileObjects:
    """Objects under a root folder."""

    is_shared = False

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self, folder: str) -> None:
        with disk_errors():
            (self._root / folder).mkdir(parents=True)

    def get(self, key: str) -> bytes | None:
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            return None

    def read(self, keys: Sequence[str]) -> Iterator[bytes | None]:
        return map(self.get, keys)

    def put(self, key: str, body: bytes) -> None:
        with disk_errors():
            write_atomically(self._root / key, body, synced=True)

    def put_if_absent(self, key: str, body: bytes, *, synced: bool = True) -> bool:
        with disk_errors():
            return create_atomically(self._root / key, body, synced=synced)

    def uploads(self) -> FileUploads:
        return FileUploads(self._root)

    def names(self, folder: str) -> tuple[str, ...]:
        try:
            return tuple(sorted(os.listdir(self._root / folder)))
        except FileNotFoundError:
            return ()

    def folders(self) -> tuple[str, ...]:
        return self.names("")

    def changes(self, mark: str) -> Iterator[Change]:
        for folder in self.folders():
            with suppress(FileNotFoundError):  # removed meanwhile
                path = self._root / folder
                # Every object is a new name in the folder.
                yield Change(folder, path.stat().st_mtime, (path / mark).exists())

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            (self._root / key).unlink(missing_ok=True)

    def remove(self, folder: str, *, first: str) -> None:
        with suppress(NotADirectoryError):
            (self._root / folder / first).unlink(missing_ok=True)
        shutil.rmtree(self._root / folder, ignore_errors=True)


class FileUploads:
    """Writes at once, and leaves it to the system when it gets to the disk: `settled` waits for that."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._written: list[Path] = []
        self._linked: set[Path] = set()

    def put(self, key: str, body: bytes) -> None:
        with disk_errors():
            write_atomically(self._root / key, body)
        self._written.append(self._root / key)

    def copy(self, source: str, key: str) -> None:
        target = self._root / key
        with disk_errors():
            try:
                _share(self._root / source, target)
            except FileNotFoundError:
                raise IntegrityError(f"{source} went away while it was read; run the job again") from None
        self._linked.add(target.parent)

    def shown(self) -> None:
        """Writes are seen at once."""

    def settled(self) -> None:
        """The names of written files get to the disk with the next object that is put; those of links do here."""
        with disk_errors():
            for path in self._written:
                sync_path(path)
            for folder in self._linked:
                sync_path(folder)
        self._written, self._linked = [], set()

    def close(self) -> None:
        """Nothing is under way."""


def _share(source: Path, target: Path) -> None:
    """The same content under another name: objects are never written again, and a sync each would cost most."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(source, target)
        sync_path(target)


@contextmanager
def disk_errors() -> Iterator[None]:
    """Raises StorageFull for a full disk, ServiceUnavailable for any other OSError."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise storage_full("the mask store") from error
        raise ServiceUnavailable(
            f"masks cannot be written: {error.strerror or error}; the job goes on once that is mended"
        ) from error
