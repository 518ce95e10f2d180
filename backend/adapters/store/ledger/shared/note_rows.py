"""The KeyValueStore port on the ledger's database: the web processes and workers of several hosts share it.

Writes are not durable, as those of the store in files: a value that a power cut takes is computed or read again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Float, Select, and_, cast, delete, func, literal, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import ColumnElement

from backend.adapters.store.key_value import checked_name
from backend.adapters.store.ledger.database import Database
from backend.adapters.store.ledger.shared_tables import notes
from backend.application.ports.clock import Clock

_DATABASE_NOW = cast(func.extract("epoch", func.clock_timestamp()), Float)
_KEY = [notes.c.folder, notes.c.leaf]

_BEHIND_SLASH = "0"
"""The character after the slash: names below a folder lie between both."""


class NoteRows:
    """Raises ServiceUnavailable, StorageFull, and ValueError for text that is no name."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """clock: of SQLite, which has one host; PostgreSQL's own clock orders the writes of several."""
        self._database = database
        self._clock = clock

    def read(self, name: str) -> bytes | None:
        with self._database.read() as connection:
            return read_note(connection, name)

    def write(self, name: str, body: bytes) -> None:
        with self._database.write(durable=False) as connection:
            self._write(connection, name, body)

    def add(self, name: str, body: bytes) -> bytes:
        """Writes a value that is kept for good, if there is none; returns the value that is there. Durable."""
        with self._database.write() as connection:
            _lock(connection, name)
            known = read_note(connection, name)
            if known is None:
                self._write(connection, name, body)
            return body if known is None else known

    def change(self, name: str, change: Callable[[bytes | None], bytes], *, durable: bool = False) -> bytes:
        with self._database.write(durable=durable) as connection:
            _lock(connection, name)
            body = change(read_note(connection, name))
            self._write(connection, name, body)
            return body

    def names(self, folder: str) -> tuple[str, ...]:
        with self._database.read() as connection:
            rows = connection.execute(_newest_first(select(notes.c.leaf), folder))
            return tuple(f"{folder}/{row.leaf}" for row in rows)

    def values(self, folder: str) -> tuple[tuple[str, bytes], ...]:
        with self._database.read() as connection:
            rows = connection.execute(_newest_first(select(notes.c.leaf, notes.c.body), folder))
            return tuple((f"{folder}/{row.leaf}", bytes(row.body)) for row in rows)

    def folders(self, folder: str) -> tuple[str, ...]:
        below = f"{checked_name(folder)}/"
        within = and_(notes.c.folder >= below, notes.c.folder < folder + _BEHIND_SLASH)
        with self._database.read() as connection:
            rows = connection.execute(select(notes.c.folder).where(within).distinct()).scalars()
            return tuple(sorted({below + row.removeprefix(below).partition("/")[0] for row in rows}))

    def remove(self, name: str) -> None:
        with self._database.write(durable=False) as connection:
            connection.execute(delete(notes).where(_is(name)))

    def _write(self, connection: Connection, name: str, body: bytes) -> None:
        is_sqlite = connection.dialect.name == "sqlite"
        row = _row(connection, name, body, literal(self._clock.now_s(), Float) if is_sqlite else _DATABASE_NOW)
        new = {"body": row.excluded.body, "written_s": row.excluded.written_s}
        connection.execute(row.on_conflict_do_update(index_elements=_KEY, set_=new))


def keep_note(connection: Connection, name: str, body: bytes, written_s: float) -> None:
    """Writes a note of another store in this transaction; one that is there stays. written_s: its last write."""
    row = _row(connection, name, body, literal(written_s, Float))
    connection.execute(row.on_conflict_do_nothing(index_elements=_KEY))


def read_note(connection: Connection, name: str) -> bytes | None:
    """A note in this transaction."""
    body = connection.scalar(select(notes.c.body).where(_is(name)))
    return None if body is None else bytes(body)


def _row(connection: Connection, name: str, body: bytes, written_s: ColumnElement[float]) -> Any:  # noqa: ANN401
    """An insert of the database's dialect."""
    folder, _, leaf = checked_name(name).rpartition("/")
    insert = sqlite.insert(notes) if connection.dialect.name == "sqlite" else postgresql.insert(notes)
    return insert.values(folder=folder, leaf=leaf, body=body, written_s=written_s)


def _lock(connection: Connection, name: str) -> None:
    """Until the transaction ends, no other one changes this note; in SQLite none writes anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


def _is(name: str) -> ColumnElement[bool]:
    folder, _, leaf = checked_name(name).rpartition("/")
    return and_(notes.c.folder == folder, notes.c.leaf == leaf)


def _newest_first(query: Select[Any], folder: str) -> Select[Any]:
    return query.where(notes.c.folder == checked_name(folder)).order_by(notes.c.written_s.desc(), notes.c.leaf)
