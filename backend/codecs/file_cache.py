"""A cache of files in a folder of bounded size: what never changes, and can be made or fetched again."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from backend.codecs.atomic_file import write_atomically

logger = logging.getLogger(__name__)

SWEEP_EVERY = 200
"""Files that are put between two looks at the size of the folder."""


class FileCache:
    """Files by name, `folder/name`, at most about max_bytes together. Evicts the least recently used ones.

    Several processes may share a folder.
    """

    def __init__(self, root: Path, max_bytes: int) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._puts = 0
        self._held: int | None = None

    @property
    def nbytes(self) -> int:
        """The size of all files when the folder was last looked at, with what this process put since then."""
        if self._held is None:
            self._held = sum(size for _, size, _ in self._files())
        return self._held

    def get(self, name: str) -> bytes | None:
        path = self._root / name
        try:
            body = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return body

    def put(self, name: str, body: bytes) -> None:
        """Stores a file of at most max_bytes. A full disk is logged; then the file is made again at its next use."""
        if len(body) > self._max_bytes:
            return
        path = self._root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, body)
        except OSError as error:
            logger.warning("%s is not cached: %s", name, error.strerror)
            return
        self._puts += 1
        if self._puts % SWEEP_EVERY == 1:
            self.sweep()
        elif self._held is not None:
            self._held += len(body)

    def sweep(self) -> None:
        """Removes the least recently used files down to the limit."""
        found = list(self._files())
        held = sum(size for _, size, _ in found)
        for _, size, path in sorted(found, key=lambda entry: entry[0]):
            if held <= self._max_bytes:
                break
            path.unlink(missing_ok=True)
            with suppress(OSError):  # other files are in it
                path.parent.rmdir()
            held -= size
        self._held = held

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """The time of the last use, the size and the path of each file."""
        for path in self._root.glob("*/*"):
            with suppress(FileNotFoundError):
                status = path.stat()
                yield status.st_mtime, status.st_size, path
