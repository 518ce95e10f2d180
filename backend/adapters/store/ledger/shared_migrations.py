"""The migrations to the tables of `shared_tables.py`. As in `migrations.py`: plain SQL, without `tables.py`."""

from __future__ import annotations

from sqlalchemy import Connection


def to_13(connection: Connection) -> None:
    """The tables of notes and of the records of imports, for several hosts."""
    is_sqlite = connection.dialect.name == "sqlite"
    name, blob = ("TEXT", "BLOB") if is_sqlite else ('TEXT COLLATE "C"', "BYTEA")
    for statement in (
        f"masklet_notes (folder {name} NOT NULL, leaf {name} NOT NULL, body {blob} NOT NULL, written_s FLOAT NOT NULL, "
        "PRIMARY KEY (folder, leaf))",
        "masklet_import_media (media_id TEXT NOT NULL, path TEXT NOT NULL, body TEXT NOT NULL, "
        "PRIMARY KEY (media_id, path))",
        "masklet_import_files (path TEXT NOT NULL, stamp TEXT NOT NULL, media_id TEXT NOT NULL, "
        "PRIMARY KEY (path, stamp))",
        "masklet_import_items (project_id BIGINT NOT NULL, key TEXT NOT NULL, task_id BIGINT NOT NULL, "
        "body TEXT NOT NULL, PRIMARY KEY (project_id, key))",
        "masklet_import_failures (project_id BIGINT NOT NULL, source TEXT NOT NULL, name TEXT NOT NULL, "
        "reason TEXT NOT NULL, PRIMARY KEY (project_id, source, name))",
    ):
        connection.exec_driver_sql(f"CREATE TABLE {statement}")


def to_14(connection: Connection) -> None:
    """The table of leases."""
    connection.exec_driver_sql(
        "CREATE TABLE masklet_leases (name TEXT NOT NULL, holder TEXT NOT NULL, process TEXT NOT NULL, "
        "token BIGINT NOT NULL, expires_s FLOAT NOT NULL, PRIMARY KEY (name))"
    )
