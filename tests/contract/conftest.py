"""A ledger on SQLite and on PostgreSQL, whose server is from the binaries inside the pgserver wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from tests.fakes.clock import FakeClock

PATIENCE_S = 120.0


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running PostgreSQL, as its superuser."""
    # pgserver looks for the folder of its lock when it is imported.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        from pgserver.postgres_server import PostgresServer, get_server

        # As root, pgserver runs the server as another user, who needs access to the folder. pytest's own folder will
        # not do: each run of pytest that starts beside this one takes that access away, and the server stops.
        folder = Path(tempfile.mkdtemp(prefix="masklet-postgresql-"))
        folder.chmod(0o711)
        data = (folder / "data").resolve()

        def start() -> Any:  # noqa: ANN401  (the wheel has no types)
            PostgresServer._instances.pop(data, None)  # else pgserver returns the instance whose start failed
            return get_server(data)

        server = started(start)
        yield str(server.get_uri())
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def started(start: Callable[[], Any]) -> Any:  # noqa: ANN401  (the wheel has no types)
    """Starts the server. pgserver gives up after ten seconds while the server goes on starting: this retries."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        # Too late, not ready, or blocked by a server that still starts.
        with suppress(subprocess.SubprocessError, AssertionError):
            return start()
        time.sleep(2)
    return start()


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
