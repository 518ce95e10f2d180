"""Atomic files: written under a temporary name in the same folder, then renamed. A file is complete or absent."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4


def write_atomically(path: Path, body: bytes, *, synced: bool = False, mode: int = 0o666) -> None:
    """Replaces a file's content by rename. A reader sees the old content or the new; a failed write keeps the old.

    synced: the content and the rename are on disk on return. Otherwise they survive a kill but not a power cut.
    mode: the file's permissions, less the umask. Raises OSError.
    """
    part = path.with_name(f".{uuid4().hex}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(body)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
        if synced:
            sync_path(path.parent)
    finally:
        part.unlink(missing_ok=True)


def sync_path(path: Path) -> None:
    """Syncs a file's content, or a folder's entries, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
