"""The import records in the ledger's database, for several hosts; see `adapters/media/record_database.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import text

from backend.adapters.store.ledger.database import Database


class ImportRows:
    """Raises ServiceUnavailable, StorageFull."""

    prefix = "masklet_import_"
    is_shared = True

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def transaction(self) -> Iterator[Callable[[str, Mapping[str, object]], Sequence[tuple[object, ...]]]]:
        with self._database.write() as connection:

            def run(statement: str, values: Mapping[str, object]) -> Sequence[tuple[object, ...]]:
                result = connection.execute(text(statement), dict(values))
                return [tuple(row) for row in result] if result.returns_rows else ()

            yield run
