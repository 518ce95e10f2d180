"""Ledgers of older builds, and queries of a ledger's content that do not use the code under test."""

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import make_url

from backend.adapters.store.ledger.sql_ledger import open_ledger
from tests.fakes.clock import FakeClock

STORED = Path(__file__).parents[1] / "data" / "ledger_v1"
"""Files of the last build before migrations: its tables in both dialects, its rows, its masks."""
TABLES = ("awaited", "jobs", "labels", "prompts", "pushes")

Rows = dict[str, list[tuple[object, ...]]]


def run(url: str, script: str) -> None:
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        assert address.database is not None
        with closing(sqlite3.connect(address.database)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.executescript(script)
    else:
        with psycopg.connect(address.set(drivername="postgresql").render_as_string(hide_password=False)) as database:
            database.execute(script.encode())


def store(url: str) -> None:
    """Write a ledger of the last build before migrations."""
    ddl = (STORED / f"{make_url(url).get_backend_name()}.sql").read_text()
    run(url, ddl + (STORED / "rows.sql").read_text())


def of_first_build(url: str) -> None:
    store(url)
    run(url, "DROP TABLE masklet_awaited")


def without_version(url: str) -> None:
    store(url)
    run(url, "DELETE FROM masklet_counters")


def of_this_build(url: str) -> None:
    open_ledger(url, FakeClock()).close()
    rows = [_with_columns(row) for row in (STORED / "rows.sql").read_text().splitlines()]
    counters = "UPDATE masklet_counters SET value = 15 WHERE name = 'sequence';"
    run(url, "\n".join([counters, *(row for row in rows if "masklet_counters" not in row)]))


def ask(url: str, question: Callable[[Connection], Rows]) -> Rows:
    address = make_url(url)
    is_sqlite = address.get_backend_name() == "sqlite"
    engine = create_engine(address if is_sqlite else address.set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        answer = question(connection)
    engine.dispose()
    return answer


@functools.cache
def columns_of(table: str) -> tuple[str, ...]:
    """The columns that a table had in version 1; later versions add columns at the end."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript((STORED / "sqlite.sql").read_text())
        return tuple(row[1] for row in database.execute(f"PRAGMA table_info({table})"))


def _with_columns(row: str) -> str:
    """A row of version 1 as a statement that also fits a table with more columns."""
    match = re.match(r'INSERT INTO "(\w+)" VALUES', row)
    return row if match is None else row.replace(" VALUES", f" ({', '.join(columns_of(match[1]))}) VALUES", 1)


def rows_of(url: str) -> Rows:
    """All rows but the counters', with the columns of version 1."""

    def question(connection: Connection) -> Rows:
        known = inspect(connection).get_table_names()
        names = [name for name in TABLES if f"masklet_{name}" in known]
        return {
            name: sorted((tuple(row) for row in connection.execute(text(_selected(f"masklet_{name}")))), key=repr)
            for name in names
        }

    return ask(url, question)


def _selected(table: str) -> str:
    return f"SELECT {', '.join(columns_of(table))} FROM {table}"


def schema_of(url: str) -> Rows:
    """Columns with their types, keys and indices of every table."""

    def question(connection: Connection) -> Rows:
        look = inspect(connection)
        return {
            name: [
                *((c["name"], str(c["type"]), c["nullable"], c["default"]) for c in look.get_columns(name)),
                tuple(look.get_pk_constraint(name)["constrained_columns"]),
                *sorted((i["name"] or "", tuple(i["column_names"]), i["unique"]) for i in look.get_indexes(name)),
            ]
            for name in look.get_table_names()
        }

    return ask(url, question)


def version_of(url: str) -> object:
    query = text("SELECT value FROM masklet_counters WHERE name = 'schema'")
    return ask(url, lambda connection: {"schema": [tuple(row) for row in connection.execute(query)]})["schema"]
