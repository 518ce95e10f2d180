"""Atomic files: written under a temporary name in the same folder, then renamed. A file is complete or absent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


def write_atomically(path: Path, body: bytes, *, synced: bool = False, mode: int = 0o666) -> None:
    """Replaces a file's content by rename. A reader sees the old content or the new; a failed write keeps the old.

    synced: the content and the rename are on disk on return. Otherwise they survive a kill but not a power cut.
    mode: the file's permissions, less the umask. Raises OSError.
    """
    with _part_of(path, body, synced=synced, mode=mode) as part:
        part.replace(path)
        if synced:
            sync_path(path.parent)


def create_atomically(path: Path, body: bytes, *, synced: bool = False) -> bool:
    """Writes a file unless there is one: then returns False. Of several writers at once, one succeeds.

    A file system without hard links cannot tell writers at the same moment apart: the later one counts. Raises OSError.
    """
    with _part_of(path, body, synced=synced, mode=0o666) as part:
        try:
            os.link(part, path)
        except FileExistsError:
            return False
        except OSError:
            if path.exists():
                return False
            part.replace(path)
        if synced:
            sync_path(path.parent)
    return True


@contextmanager
def _part_of(path: Path, body: bytes, *, synced: bool, mode: int) -> Iterator[Path]:
    """The content under a temporary name, which is removed at the end."""
    part = path.with_name(f".{uuid4().hex}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(body)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        yield part
    finally:
        part.unlink(missing_ok=True)


def sync_path(path: Path) -> None:
    """Syncs a file's content, or a folder's entries, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
