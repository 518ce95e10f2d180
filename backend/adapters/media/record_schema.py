"""The schema of the import records and its version, stored in the SQLite header (`user_version`).

A new file gets all tables. An older schema is migrated in one transaction, after a copy of the file. A newer schema is
refused. A file with tables and without a version has the first schema: it is older than the stored version.
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
"""By target version; each function migrates from the version before. Uses execute: executescript would commit."""


def newest() -> int:
    """The version of `_TABLES`."""
    return max(MIGRATIONS, default=FIRST_VERSION)


def set_up(database: sqlite3.Connection, path: Path) -> None:
    """Create the tables or migrate them. Of several processes at once, one does it.

    Raises ServiceUnavailable for a newer schema, and if a migration fails: then the file is unchanged.
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
        _migrate(database, path, version or FIRST_VERSION)
    database.execute(f"PRAGMA user_version={newest()}")


def _migrate(database: sqlite3.Connection, path: Path, version: int) -> None:
    if version == newest():
        return
    copy = keep_copy(path, version)
    try:
        for number in range(version + 1, newest() + 1):
            MIGRATIONS[number](database)
    except Exception as error:
        raise ServiceUnavailable(
            f"the record of imports {path} could not be migrated from schema {version} to {newest()} ({error}); it is "
            f"unchanged, and {copy} is a copy of it: fix the cause and start again, or start the Masklet that made it"
        ) from error
    logger.info("%s was migrated from schema %d to %d; %s is a copy of the old file", path, version, newest(), copy)


def _version(database: sqlite3.Connection) -> int:
    """The stored version; 0 without one."""
    return int(database.execute("PRAGMA user_version").fetchone()[0])
