"""A ledger on SQLite and on PostgreSQL, whose server is from the binaries inside the pgserver wheel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from scripts.attack_runs.postgresql import postgresql
from tests.fakes.clock import FakeClock


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a running PostgreSQL, as its superuser."""
    with postgresql() as server:
        yield server.url


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """The address of an empty database."""
    name = f"masklet_{uuid4().hex}"
    # CREATE DATABASE cannot run inside a transaction.
    admin = create_engine(
        make_url(postgresql_server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    yield make_url(postgresql_server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now_s=1000.0)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> Iterator[SqlLedger]:
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/ledger.sqlite" if is_sqlite else request.getfixturevalue("postgresql_url")
    opened = open_ledger(url, clock)
    yield opened
    opened.close()
