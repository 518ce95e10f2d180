"""The tables of the record of imports and their version, which SQLite keeps in the file's header (`user_version`).

A new file is made whole, an older one is brought forward in one transaction after a copy, a newer one is refused. Files
with tables and without a version are of the first one: they were made before it was stored.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from backend.codecs.sqlite_files import exclusive_lock, keep_copy
from backend.domain.errors import ServiceUnavailable

logger = logging.getLogger(__name__)

FIRST_VERSION = 1

_TABLES = (
    "CREATE TABLE media (media_id TEXT PRIMARY KEY, body TEXT NOT NULL)",
    "CREATE TABLE files (path TEXT NOT NULL, stamp TEXT NOT NULL, media_id TEXT NOT NULL, PRIMARY KEY (path, stamp))",
    "CREATE TABLE items (project_id INTEGER NOT NULL, key TEXT NOT NULL, task_id INTEGER NOT NULL, "
    "body TEXT NOT NULL, PRIMARY KEY (project_id, key))",
    "CREATE TABLE failures (project_id INTEGER NOT NULL, source TEXT NOT NULL, name TEXT NOT NULL, "
    "reason TEXT NOT NULL, PRIMARY KEY (project_id, source, name))",
)

Migration = Callable[[sqlite3.Connection], None]

MIGRATIONS: Mapping[int, Migration] = {}
"""By the version that a function leads to, from the one before. They use execute: executescript would commit."""


def newest() -> int:
    """The version of `_TABLES`."""
    return max(MIGRATIONS, default=FIRST_VERSION)


def set_up(database: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or bring them forward; any number of processes may do so at once, and one does it.

    Raises ServiceUnavailable for a file of a newer Masklet, and if a migration fails: then nothing has changed.
    """
    if _version(database) == newest():
        return
    with exclusive_lock(path):
        database.execute("PRAGMA journal_mode=WAL")
        with database:
            database.execute("BEGIN IMMEDIATE")
            version = _version(database)
            if version > newest():
                raise ServiceUnavailable(
                    f"the record of imports {path} has schema {version} and this Masklet knows up to {newest()}; start "
                    "the Masklet that made it, or move the file away and import the same files again: no task is made "
                    "twice"
                )
            if version < newest():
                _change(database, path, version)


def _change(database: sqlite3.Connection, path: Path, version: int) -> None:
    if version == 0 and database.execute("SELECT 1 FROM sqlite_master WHERE name = 'media'").fetchone() is None:
        for table in _TABLES:
            database.execute(table)
    else:
        _forward(database, path, version or FIRST_VERSION)
    database.execute(f"PRAGMA user_version={newest()}")


def _forward(database: sqlite3.Connection, path: Path, version: int) -> None:
    if version == newest():
        return
    copy = keep_copy(path, version)
    try:
        for number in range(version + 1, newest() + 1):
            MIGRATIONS[number](database)
    except Exception as error:
        raise ServiceUnavailable(
            f"the record of imports {path} could not be brought forward from schema {version} to {newest()} ({error}); "
            f"it is as it was, and {copy} is a copy of it: mend the cause and start again, or start the Masklet that "
            "made it"
        ) from error
    logger.info("%s goes from schema %d to %d; a copy from before is %s", path, version, newest(), copy)


def _version(database: sqlite3.Connection) -> int:
    """0: the file says nothing of its version."""
    return int(database.execute("PRAGMA user_version").fetchone()[0])
