"""Connections, transactions and the database's own errors; knows nothing of what the tables mean.

SQLite is opened so that what is committed is on disk (WAL with synchronous=FULL) and so that writers queue instead
of deadlocking (BEGIN IMMEDIATE: a read that turns into a write would be refused at once while another one writes).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select, text, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from sqlalchemy.pool import ConnectionPoolEntry

from backend.adapters.store.ledger.migrations import Upgrade
from backend.adapters.store.ledger.shared_tables import leases
from backend.adapters.store.ledger.tables import counters
from backend.codecs.full_disk import has_no_space, is_full, storage_full
from backend.codecs.sqlite_files import exclusive_lock
from backend.domain.errors import InvalidInput, LeaseLost, ServiceUnavailable, StorageFull

logger = logging.getLogger(__name__)

BUSY_TIMEOUT_MS = 20_000
"""A writer holds the lock for one fsync; waiting this long means that the disk hangs."""

POOL = {"pool_size": 5, "max_overflow": 15, "pool_timeout": 20.0}
"""Of PostgreSQL, each process: four fit the usual 100 connections of a server. A 21st thread waits 20 s for one."""

REACH = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
"""Of PostgreSQL, seconds and milliseconds: a host that vanished is an error in half a minute, not in hours."""

SQLITE_POOL = {"pool_size": 20, "max_overflow": 25}
"""Connections over the pool's size are opened, prepared and closed for one transaction each."""

SCHEMA_LOCK = 0x6D61736B
"""Key of PostgreSQL's advisory lock under which the tables are made and changed."""

_FULL = ("disk is full", "no space left", "disk full", "quota exceeded", "could not extend file")
_IO_ERROR = "disk i/o error"
"""SQLite's message when it finds no space for its index of the WAL."""

_BUSY = ("database is locked", "database table is locked", "lock timeout")


class Database:
    """One engine, with transactions that read or write."""

    def __init__(self, url: str) -> None:
        self._url = _parse(url)
        self._engine = _engine(self._url)
        # In PostgreSQL each statement of READ COMMITTED sees the newest state, in a transaction or not: without one a
        # read is one round trip instead of three.
        is_shared = self._engine.dialect.name == "postgresql"
        self._readers = self._engine.execution_options(isolation_level="AUTOCOMMIT") if is_shared else self._engine

    @property
    def name(self) -> str:
        """The address without its password, for messages."""
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """For reads alone; one view of the data in SQLite, the newest state for each statement in PostgreSQL.

        Raises ServiceUnavailable if the database does not answer.
        """
        with self._translated(), self._readers.connect() as connection:
            yield connection

    def version(self) -> Hashable:
        """Equal to an earlier one only if no counted write was committed between the two, by any process.

        In PostgreSQL any transaction of the server makes another one. Raises ServiceUnavailable if the database does
        not answer.
        """
        with self.read() as connection:  # equal snapshots see the same transactions
            return str(connection.scalar(_SNAPSHOT if self.is_shared else _WRITTEN))

    @contextmanager
    def write(self, *, durable: bool = True, is_counted: bool = True) -> Iterator[Connection]:
        """A transaction that is on disk when the block is left, or not at all.

        One that is not durable survives the end of any process, but a power cut may undo it, together with all that
        came after it: for what would only be done again. It saves waiting for the disk.
        is_counted: whether it makes another `version`, if it changes anything. Only the renewal of leases does not:
        every process renews them all the time, and nothing that is kept by version depends on them.
        Raises ServiceUnavailable if the database does not answer, StorageFull if its disk is full.
        """
        with self._translated(), self._engine.connect() as connection:
            writing = connection.execution_options(masklet_writes=True, masklet_durable=durable)
            with writing.begin():
                _require_lease(writing)
                if not durable and self._engine.dialect.name == "postgresql":
                    writing.execute(text("SET LOCAL synchronous_commit TO OFF"))
                before = _changes(writing)
                yield writing
                if is_counted and _changes(writing) != before:
                    writing.execute(_COUNT_WRITE)

    @property
    def is_shared(self) -> bool:
        """Whether processes of several hosts may use it."""
        return self._engine.dialect.name == "postgresql"

    @contextmanager
    def write_alone(self) -> Iterator[Connection]:
        """As `write`, kept apart from set-ups and from each other. PostgreSQL alone."""
        with self.write() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
            yield connection

    @contextmanager
    def claimed(self, name: str) -> Iterator[bool]:
        """Whether this block has a name that one process at a time can have; until it is left or the process dies.

        PostgreSQL alone.
        """
        key = {"name": name}
        with self._translated(), self._engine.connect() as connection:
            held = connection.execution_options(isolation_level="AUTOCOMMIT")
            is_own = bool(held.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))"), key))
            try:
                yield is_own
            finally:
                if is_own:
                    held.execute(text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"), key)

    def set_up(self) -> None:
        """Make the tables if they are missing, or bring those of an older Masklet forward, in one transaction.

        Any number of processes may do so at once; one does it, the others wait. Raises ServiceUnavailable for a ledger
        of a newer Masklet, and if a migration fails: then nothing has changed.
        """
        upgrade = Upgrade(self.name)
        with self._alone(), upgrade.explained(), self.write() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
            upgrade.run(connection)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes away from a SQLite file; PostgreSQL has a lock of its own for that."""
        path = self._url.database
        if self._engine.dialect.name != "sqlite" or path is None:
            yield
            return
        with contextlib.ExitStack() as held:
            try:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(exclusive_lock(Path(path)))
            except OSError as error:
                if is_full(error):
                    raise storage_full(self.name) from error
                raise ServiceUnavailable(f"the ledger {path} cannot be written: {error.strerror}") from error
            yield

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (IntegrityError, ProgrammingError):
            raise  # ours: a wrong statement is no outage
        except DBAPIError as error:
            raise self._error(str(error.orig)) from error
        except NoConnectionLeft as error:
            raise ServiceUnavailable(f"the ledger {self.name} is busy: no connection is free; try again") from error
        except (OverflowError, UnicodeEncodeError) as error:
            raise InvalidInput(f"the ledger cannot keep this value: {error}") from error

    def _error(self, cause: str) -> ServiceUnavailable:
        lowered = cause.lower()
        if any(sign in lowered for sign in _FULL) or (_IO_ERROR in lowered and self._has_no_space):
            return StorageFull(
                f"the disk of the ledger {self.name} is full; free some space, nothing accepted before is lost"
            )
        if any(sign in lowered for sign in _BUSY):
            return ServiceUnavailable(f"the ledger {self.name} is busy; try again")
        first_line = (cause.strip() or "it gave no reason").splitlines()[0]
        return ServiceUnavailable(f"the ledger {self.name} does not answer: {first_line}")

    @property
    def _has_no_space(self) -> bool:
        path = self._url.database
        return self._engine.dialect.name == "sqlite" and path is not None and has_no_space(Path(path).parent)


_fence: ContextVar[tuple[str, int] | None] = ContextVar("masklet_fence", default=None)


@contextmanager
def fenced(name: str, token: int) -> Iterator[None]:
    """Inside, every write of this thread is refused with LeaseLost once the lease has another token.

    Until such a transaction ends, the lease cannot be taken over.
    """
    outer = _fence.set((name, token))
    try:
        yield
    finally:
        _fence.reset(outer)


def _require_lease(connection: Connection) -> None:
    """First in the transaction: what it locks afterwards, nobody waits for who holds the lease's row."""
    fence = _fence.get()
    if fence is None:
        return
    name, token = fence
    current = select(leases.c.token).where(leases.c.name == name).with_for_update(read=True)
    if connection.scalar(current) != token:
        raise LeaseLost(f"another process has taken over {name!r}; this one's write is refused")


_BUMP = (
    update(counters).where(counters.c.name == "sequence").values(value=counters.c.value + 1).returning(counters.c.value)
)
_WRITES = "written"
_WRITTEN = select(counters.c.value).where(counters.c.name == _WRITES)
_COUNT_WRITE = (
    insert(counters)
    .values(name=_WRITES, value=1)
    .on_conflict_do_update(index_elements=[counters.c.name], set_={"value": counters.c.value + 1})
)
_SNAPSHOT = text("SELECT pg_current_snapshot()::text")


def _changes(connection: Connection) -> int:
    """How many rows a connection to SQLite has changed; 0 in PostgreSQL, whose snapshots tell of each transaction."""
    if connection.dialect.name != "sqlite":
        return 0
    sqlite: Any = connection.connection.driver_connection
    return int(sqlite.total_changes)


def next_sequence(connection: Connection) -> int:
    """The next number of the ledger's one sequence. Also serializes writers on databases that run them in parallel:
    until the transaction ends, nobody else gets past this line.
    """
    return int(connection.execute(_BUMP).scalar_one())


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidInput(
            "DATABASE_URL must look like sqlite:///file or postgresql://user:password@host/name"
        ) from None
    if parsed.drivername in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise InvalidInput(f"DATABASE_URL names {parsed.drivername}; Masklet keeps its ledger in SQLite or PostgreSQL")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise InvalidInput("DATABASE_URL must name a file (sqlite:///path): a ledger in memory would lose everything")
    return parsed


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        return create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED", connect_args=REACH, **POOL)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}, **SQLITE_POOL)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # sqlite3 shall not begin transactions by itself
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    writes = options.get("masklet_writes", False)
    if writes:
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get('masklet_durable', True) else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
