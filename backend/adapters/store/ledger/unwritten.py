"""What was read from the ledger, used until something is written."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from backend.adapters.store.ledger.database import Database
from backend.domain.recent import Recent

PROJECTS_KEPT = 8
"""Projects of which the rows are kept in memory; those of a thousand tasks take some MiB."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class UntilWritten(Generic[Key, Value]):
    """At most `most` values by key, which nobody changes. Thread-safe.

    A counted write of any process ends the use of all of them: which rows it changed is not known.
    """

    def __init__(self, database: Database, most: int) -> None:
        self._database = database
        self._values: Recent[Key, tuple[Hashable, Value]] = Recent(most)

    def get(self, key: Key, read: Callable[[], Value]) -> Value:
        """The same object as before if nothing was written; otherwise what `read` returns. Raises what `read` raises,
        and ServiceUnavailable if the database does not answer.
        """
        version = self._database.version()  # before the rows: these may be newer, and never older
        known = self._values.get(key)
        if known is not None and known[0] == version:
            return known[1]
        value = read()
        self._values.put(key, (version, value))
        return value
