"""Small state that web processes and workers agree on: in the ledger with PostgreSQL, in the data folder with SQLite.

A data folder from before has such state in files. The first process with PostgreSQL that finds them takes them over,
once for each folder; the files stay as they were, and are not read again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, text

from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.record_database import SqliteRecords
from backend.adapters.media.serving.addresses import Signer, new_key, open_signer
from backend.adapters.store.key_value import NAME, FileKeyValueStore
from backend.adapters.store.ledger.shared.import_rows import ImportRows
from backend.adapters.store.ledger.shared.note_rows import NoteRows, keep_note, read_note
from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.adapters.store.model_use import NOTE as MODEL_USE
from backend.adapters.store.model_use import ModelUses, UseFile, UseNote
from backend.application.ports.clock import Clock
from backend.application.ports.key_value import KeyValueStore

logger = logging.getLogger(__name__)

MEDIA_KEY = "keys/media"
TAKEN_OVER = "taken-over"
MODEL_USE_FILE = "model-in-use.json"

_RECORDS = {
    "media": "media_id, path, body",
    "files": "path, stamp, media_id",
    "items": "project_id, key, task_id, body",
    "failures": "project_id, source, name, reason",
}
"""The tables of the import records, and their columns in the ledger."""


class StateFiles(Protocol):
    """Where such state lies in a data folder."""

    @property
    def root(self) -> Path: ...
    @property
    def key_values(self) -> Path: ...
    @property
    def media_key(self) -> Path: ...
    @property
    def records(self) -> Path: ...
    @property
    def indices(self) -> Path: ...


class SharedState(Protocol):
    """Each part is opened at its first use. Raises ServiceUnavailable."""

    @property
    def key_values(self) -> KeyValueStore: ...

    @property
    def media_signer(self) -> Signer:
        """Signs the addresses of media; the other signers' keys are derived from its key."""
        ...

    @property
    def import_records(self) -> ImportRecords: ...

    @property
    def model_uses(self) -> ModelUses: ...


class StateInFiles:
    """For one host."""

    def __init__(self, folder: StateFiles) -> None:
        self._folder = folder

    @cached_property
    def key_values(self) -> KeyValueStore:
        return FileKeyValueStore(self._folder.key_values)

    @cached_property
    def media_signer(self) -> Signer:
        return open_signer(self._folder.media_key)

    @cached_property
    def import_records(self) -> ImportRecords:
        return ImportRecords(self._folder.records, self._folder.indices)

    @cached_property
    def model_uses(self) -> ModelUses:
        return ModelUses(UseFile(self._folder.root / MODEL_USE_FILE))


class StateInLedger:
    """For several hosts."""

    def __init__(self, ledger: SqlLedger, folder: StateFiles, clock: Clock) -> None:
        """Takes over what an earlier Masklet kept in the folder."""
        self._database, self._folder = ledger.database, folder
        self._notes = NoteRows(ledger.database, clock)
        take_over(ledger, folder, self._notes)

    @property
    def key_values(self) -> KeyValueStore:
        return self._notes

    @cached_property
    def media_signer(self) -> Signer:
        key = bytes.fromhex(self._notes.add(MEDIA_KEY, new_key().encode("ascii")).decode("ascii"))
        if self._folder.media_key.is_file() and open_signer(self._folder.media_key).key != key:
            logger.warning(
                "%s is not the key of the ledger: addresses of media that were signed with it are refused; import the "
                "same files again, which signs them anew",
                self._folder.media_key,
            )
        return Signer(key)

    @cached_property
    def import_records(self) -> ImportRecords:
        return ImportRecords(ImportRows(self._database), self._folder.indices)

    @cached_property
    def model_uses(self) -> ModelUses:
        return ModelUses(UseNote(self._notes))


def take_over(ledger: SqlLedger, folder: StateFiles, notes: NoteRows) -> None:
    """Copies a folder's state into the ledger, in one transaction; what the ledger has already stays."""
    mark = f"{TAKEN_OVER}/{_name_of(folder)}"
    places = (folder.key_values, folder.media_key, folder.records, folder.root / MODEL_USE_FILE)
    if not any(place.exists() for place in places) or notes.read(mark) is not None:
        return
    with ledger.database.write_alone() as connection:
        if read_note(connection, mark) is not None:
            return
        count = 0
        for name, body, written_s in _notes_of(folder):
            keep_note(connection, name, body, written_s)
            count += 1
        records = _take_records(connection, folder.records)
        keep_note(connection, mark, str(folder.root).encode("utf-8", "replace"), 0.0)
    logger.info(
        "took over %d notes and %d records of imports from %s into the ledger; the files stay",
        count,
        records,
        folder.root,
    )


def _name_of(folder: StateFiles) -> str:
    """Names a data folder: by its key, which moves with it; one without a key by its host and path."""
    with suppress(OSError):
        return hashlib.sha256(folder.media_key.read_bytes()).hexdigest()[:24]
    return hashlib.sha256(f"{platform.node()}:{folder.root}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _notes_of(folder: StateFiles) -> Iterator[tuple[str, bytes, float]]:
    """Names, values and times of the last write, key and model in use among them."""
    for name, path in ((MEDIA_KEY, folder.media_key), (MODEL_USE, folder.root / MODEL_USE_FILE)):
        with suppress(FileNotFoundError):
            yield name, path.read_bytes().strip(), path.stat().st_mtime
    for path in folder.key_values.rglob("*"):
        name = path.relative_to(folder.key_values).as_posix()
        if path.is_file() and NAME.fullmatch(name):
            yield name, path.read_bytes(), path.stat().st_mtime


def _take_records(connection: Connection, file: Path) -> int:
    if not file.is_file():
        return 0
    with SqliteRecords(file).transaction() as run:
        rows = {table: list(run(f"SELECT * FROM {table}", {})) for table in _RECORDS}
    rows["media"] = [(media_id, json.loads(str(body))["path"], body) for media_id, body in rows["media"]]
    for table, columns in _RECORDS.items():
        names = columns.split(", ")
        marks = ", ".join(f":{name}" for name in names)
        insert = text(f"INSERT INTO {ImportRows.prefix}{table} ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING")
        if rows[table]:
            connection.execute(insert, [_encodable(dict(zip(names, row, strict=True))) for row in rows[table]])
    return sum(map(len, rows.values()))


def _encodable(row: dict[str, object]) -> dict[str, object]:
    """As the records write paths whose bytes are no UTF-8."""
    return {
        name: value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        if isinstance(value, str)
        else value
        for name, value in row.items()
    }
