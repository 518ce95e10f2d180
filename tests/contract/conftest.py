"""A ledger on SQLite and on PostgreSQL, whose server is from the binaries inside the pgserver wheel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import MetaData, create_engine, delete, insert, select, text
from sqlalchemy.engine import make_url

from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from scripts.attack_runs.postgresql import postgresql
from tests.fakes.clock import FakeClock


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a running PostgreSQL, as its superuser."""
    with postgresql(is_durable=False) as server:
        yield server.url


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """The address of an empty database."""
    with database_of(postgresql_server) as url:
        yield url


class SharedDatabase:
    """A database with the tables of a ledger: making one takes longer than most tests."""

    def __init__(self, url: str) -> None:
        open_ledger(url, FakeClock(now_s=1000.0)).close()
        self.url = url
        self._engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
        self._tables = MetaData()
        self._tables.reflect(self._engine)
        with self._engine.connect() as connection:
            self._rows = {
                table: [dict(row) for row in connection.execute(select(table)).mappings()]
                for table in self._tables.sorted_tables
            }

    def reset(self) -> None:
        """Gives every table its first rows, row by row: TRUNCATE makes new files."""
        with self._engine.begin() as connection:
            for table in reversed(self._tables.sorted_tables):
                connection.execute(delete(table))
            for table, rows in self._rows.items():
                if rows:
                    connection.execute(insert(table), rows)

    def close(self) -> None:
        self._engine.dispose()


@pytest.fixture(scope="session")
def shared_database(postgresql_server: str) -> Iterator[SharedDatabase]:
    with database_of(postgresql_server) as url, closing(SharedDatabase(url)) as database:
        yield database


@contextmanager
def database_of(server: str) -> Iterator[str]:
    """The address of a database that is gone afterwards."""
    name = f"masklet_{uuid4().hex}"
    # CREATE DATABASE cannot run inside a transaction.
    admin = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now_s=1000.0)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a ledger without rows."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/ledger.sqlite"
        return
    shared: SharedDatabase = request.getfixturevalue("shared_database")
    yield shared.url
    shared.reset()


@pytest.fixture
def ledger(ledger_url: str, clock: FakeClock) -> Iterator[SqlLedger]:
    with closing(open_ledger(ledger_url, clock)) as opened:
        yield opened
