"""SQLite files of the data folder: the lock under which one is opened, the copy made before its schema changes.

The ledger and the record of imports, which do not import each other, both use this.
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
def alone(path: Path) -> Iterator[None]:
    """Hold a SQLite file's lock against all other processes; the system releases it if this process dies.

    Needed where SQLite turns to WAL: that switch does not wait for locks, it fails. Raises OSError.
    """
    with Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def copy_path(path: Path, version: int) -> Path:
    """Where the copy of a file is kept that had this schema version."""
    return path.with_name(f"{path.name}.v{version}")


def keep_copy(path: Path, version: int) -> Path:
    """Copy what is committed in a SQLite file, also what is still in its WAL; return the copy's path.

    The copy is one file without a WAL, on disk on return. It has its name only when it is whole. An older copy of the
    same version is replaced. Other connections may have the file open, and one of them may hold the write lock: then
    nothing can be committed between the copy and what that connection writes. Raises OSError and sqlite3.Error.
    """
    target = copy_path(path, version)
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)  # a killed process left it
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # the backup takes over the mark of a WAL
        shutil.copymode(path, part)
        sync_path(part)
        part.replace(target)
        sync_path(target.parent)
    finally:
        part.unlink(missing_ok=True)
    return target
