"""Where the import records lie: a SQLite file of the data folder. The ledger's database has the same tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

from backend.adapters.media.record_schema import set_up
from backend.codecs.full_disk import has_no_space
from backend.domain.errors import ServiceUnavailable, StorageFull

BUSY_S = 30.0

Run = Callable[[str, Mapping[str, object]], Sequence[tuple[object, ...]]]
"""Runs a statement with named values (:name); returns its rows."""


class RecordDatabase(Protocol):
    """The tables of the records."""

    @property
    def prefix(self) -> str:
        """What the names of the tables begin with."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether several hosts use it: then a medium has a row for each path."""
        ...

    def transaction(self) -> AbstractContextManager[Run]:
        """Raises ServiceUnavailable, StorageFull."""
        ...


class SqliteRecords:
    """A SQLite file. Threads and processes share it: each transaction has its own connection."""

    prefix = ""
    is_shared = False

    def __init__(self, path: Path) -> None:
        """Raises ServiceUnavailable if the file cannot be used or has the schema of a newer Masklet."""
        self._path = path
        with self._connected() as database:
            set_up(database, path)

    @contextmanager
    def transaction(self) -> Iterator[Run]:
        with self._connected() as database:
            yield lambda statement, values: database.execute(statement, dict(values)).fetchall()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=BUSY_S)) as connection, connection:
                yield connection
        except (OSError, sqlite3.OperationalError) as error:
            if "full" in str(error).lower() or has_no_space(self._path.parent):
                raise StorageFull(
                    f"the record of imports {self._path} cannot be written: the disk is full; free some space and run "
                    "the same command again"
                ) from error
            raise ServiceUnavailable(
                f"the record of imports {self._path} cannot be used ({error}); look at that file"
            ) from error
