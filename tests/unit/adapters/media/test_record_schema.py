"""Import records of older and newer schemas: migrated completely and once, or refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from backend.adapters.media import record_schema
from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.record_schema import MIGRATIONS, newest
from backend.application.imports.model import ItemState, Outcome
from backend.domain.errors import ServiceUnavailable
from tests.fakes.together import together

STORED = Path(__file__).parents[3] / "data" / "ledger_v1" / "batches.sql"
"""A file of the last build without a schema version."""
MEDIUM_ID = "ab" * 16
OPENER = """
import logging, sys
from pathlib import Path
logging.basicConfig(stream=sys.stdout, level=logging.INFO)
from backend.adapters.media import record_schema
from backend.adapters.media.import_records import ImportRecords
if sys.argv[2] == "forward":
    record_schema.MIGRATIONS = {2: lambda database: database.execute("ALTER TABLE items ADD COLUMN extra TEXT")}
print("ready", flush=True)
sys.stdin.read()
ImportRecords(Path(sys.argv[1]))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A record without a version."""
    path = tmp_path / "batches.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript(STORED.read_text())
    return path


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def rows_of(path: Path) -> list[object]:
    with closing(sqlite3.connect(path)) as database:
        tables = ("media", "files", "items", "failures")
        return [database.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables]


def schema_of(path: Path) -> list[object]:
    with closing(sqlite3.connect(path)) as database:
        tables = ("media", "files", "items", "failures")
        return [database.execute(f"PRAGMA table_info({table})").fetchall() for table in tables]


def extra(database: sqlite3.Connection) -> None:
    database.execute("ALTER TABLE items ADD COLUMN extra TEXT")


def broken(database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM items")
    database.execute("DROP TABLE not_there")


def test_a_record_without_a_version_keeps_everything(file: Path) -> None:
    before = rows_of(file)
    records = ImportRecords(file)
    assert rows_of(file) == before
    assert version_of(file) == newest()
    assert records.medium_at(Path("/x ü/y"), "1-2") == records.medium(MEDIUM_ID)
    assert records.medium(MEDIUM_ID).numbers == (143, 150)
    assert [(item.key, item.task_id) for item in records.items(1)] == [
        ("k-00001", 11),
        ("k-00002", 12),
        ("k-00000", 10),
    ]
    assert records.failures() == ((1, Outcome("clip.mp4", ItemState.FAILED, reason="MediaError: no")),)


def test_a_migrated_schema_equals_that_of_a_new_record(file: Path, tmp_path: Path) -> None:
    ImportRecords(file)
    ImportRecords(tmp_path / "new.sqlite")
    assert schema_of(file) == schema_of(tmp_path / "new.sqlite")
    assert version_of(tmp_path / "new.sqlite") == newest()


def test_a_newer_record_is_refused_and_unchanged(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version=99")
    before = rows_of(file)
    with pytest.raises(ServiceUnavailable, match=r"batches\.sqlite has schema 99 and this Masklet knows up to 1"):
        ImportRecords(file)
    assert rows_of(file) == before
    assert version_of(file) == 99


def test_a_migration_is_run_once_after_a_copy(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows_of(file)
    monkeypatch.setattr(record_schema, "MIGRATIONS", {2: extra})
    ImportRecords(file)
    ImportRecords(file)
    assert version_of(file) == 2
    copy = file.with_name("batches.sqlite.v1")
    assert rows_of(copy) == before
    assert version_of(copy) == 0


def test_a_failed_migration_changes_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows_of(file)
    with monkeypatch.context() as patch:
        patch.setattr(record_schema, "MIGRATIONS", {2: extra, 3: broken})
        with pytest.raises(ServiceUnavailable, match=r"schema 1 to 3 .* and .*batches\.sqlite\.v1 is a copy of it"):
            ImportRecords(file)
    assert (rows_of(file), version_of(file)) == (before, 0)
    ImportRecords(file)
    assert rows_of(file) == before


@pytest.mark.parametrize("way", ["as it is", "forward"])
def test_ten_processes_that_start_together_migrate_once(file: Path, way: str) -> None:
    said = together(OPENER, str(file), way)
    assert sum(text.count("migrated from schema 1 to 2") for text in said) == (way == "forward")
    assert version_of(file) == (2 if way == "forward" else newest())


def test_ten_processes_make_a_new_record_together(tmp_path: Path) -> None:
    together(OPENER, str(tmp_path / "batches.sqlite"), "as it is")
    assert version_of(tmp_path / "batches.sqlite") == newest()


def test_every_version_after_the_first_has_its_function() -> None:
    assert sorted(MIGRATIONS) == list(range(2, newest() + 1))
