"""SQLite files of the data folder: the lock while one is set up, the copy made before its schema changes.

The ledger and the import records use it; neither imports the other.
"""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from backend.codecs.atomic_file import sync_path


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold a SQLite file's lock against all other processes; the system releases it if this process dies.

    Needed while SQLite switches to WAL: the switch fails at once if another process has a lock. Raises OSError.
    """
    with Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def copy_path(path: Path, version: int) -> Path:
    """The path of a file's copy from this schema version."""
    return path.with_name(f"{path.name}.v{version}")


def keep_copy(path: Path, version: int) -> Path:
    """Copy the committed content of a SQLite file, including its WAL; return the copy's path.

    The copy is one file without a WAL, on disk on return. It gets its name when it is complete. It replaces an older
    copy of the same version. Other connections may have the file open. If one of them holds the write lock, no commit
    falls between the copy and the writes of that connection. Raises OSError and sqlite3.Error.
    """
    target = copy_path(path, version)
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)  # left by a killed process
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # the backup copies the WAL flag of the header
        shutil.copymode(path, part)
        sync_path(part)
        part.replace(target)
        sync_path(target.parent)
    finally:
        part.unlink(missing_ok=True)
    return target
