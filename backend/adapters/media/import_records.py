"""The records of imports, in one SQLite file of the data folder: media by content, tasks by key, failures.

Owns the files and imports of this machine, not the work on tasks, which the ledger owns. If the file is lost, the media
are read again. No task is created twice: Label Studio's tasks hold their keys.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, fields
from fractions import Fraction
from pathlib import Path

from backend.adapters.media.record_schema import set_up
from backend.adapters.media.undecodable import undecodable_in
from backend.application.imports.model import BatchItem, ItemState, Outcome, SourceMedia, SourceMediaKind
from backend.codecs.full_disk import has_no_space
from backend.domain.errors import NotFound, ServiceUnavailable, StorageFull
from backend.domain.geometry import FrameSize
from backend.domain.video import ContentHash

BUSY_S = 30.0


class ImportRecords:
    """BatchRecords and the media of imports. Safe to use from many threads and processes."""

    def __init__(self, path: Path, indices: Path | None = None) -> None:
        """indices: the folder of the videos' indices; None: nothing is known of frames that do not decode.

        Raises ServiceUnavailable if the file cannot be used or has the schema of a newer Masklet."""
        self._path = path
        self._indices = indices
        with self._database() as database:
            set_up(database, path)

    # media

    def medium(self, media_id: str) -> SourceMedia:
        """Raises NotFound."""
        with self._database() as database:
            row = database.execute("SELECT body FROM media WHERE media_id = ?", (media_id,)).fetchone()
        if row is None:
            raise NotFound(f"Masklet knows no medium {media_id[:40]!r}; import its file again")
        return _medium_of(json.loads(row[0]))

    def medium_at(self, path: Path, stamp: str) -> SourceMedia | None:
        """The recorded medium of a file or folder with this stamp; None if it was not read yet."""
        with self._database() as database:
            row = database.execute(
                "SELECT media_id FROM files WHERE path = ? AND stamp = ?", (_text(path), stamp)
            ).fetchone()
        return None if row is None else self.medium(row[0])

    def put_medium(self, medium: SourceMedia) -> None:
        body = json.dumps(_medium_body(medium))
        with self._database() as database:
            database.execute("INSERT OR REPLACE INTO media VALUES (?, ?)", (medium.media_id, body))
            database.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?)", (_text(medium.path), medium.stamp, medium.media_id)
            )

    def undecodable(self, media_id: str) -> tuple[int, ...]:
        """The frames of a medium that are known not to decode, ascending."""
        return () if self._indices is None else undecodable_in(self._indices, media_id)

    def put_alias(self, path: Path, stamp: str, media_id: str) -> None:
        """Record a file as a source of this medium. The medium may be another file (unpacked or re-encoded)."""
        with self._database() as database:
            database.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", (_text(path), stamp, media_id))

    # items

    def items(self, project_id: int | None = None) -> tuple[BatchItem, ...]:
        """The items, ordered by project, name and segment."""
        with self._database() as database:
            rows = database.execute(
                "SELECT body FROM items WHERE ? IS NULL OR project_id = ?", (project_id, project_id)
            ).fetchall()
        known = {field.name for field in fields(BatchItem)}
        bodies = ({k: v for k, v in json.loads(row[0]).items() if k in known} for row in rows)
        items = [BatchItem(**body) for body in bodies]
        return tuple(sorted(items, key=lambda item: (item.project_id, item.name, item.number)))

    def put(self, items: Sequence[BatchItem]) -> None:
        """Record items; replaces those of the same project and key."""
        rows = [(i.project_id, i.key, i.task_id, json.dumps(asdict(i))) for i in items]
        with self._database() as database:
            database.executemany("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)", rows)

    def fail(self, project_id: int, outcome: Outcome) -> None:
        """Record the failure of a source or task."""
        with self._database() as database:
            database.execute(
                "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)",
                (project_id, outcome.source, outcome.name, _text(outcome.reason)),
            )

    def clear_failure(self, project_id: int, source: str) -> None:
        """Remove the failures of a source before it is read again."""
        with self._database() as database:
            database.execute("DELETE FROM failures WHERE project_id = ? AND source = ?", (project_id, source))

    def failures(self, project_id: int | None = None) -> tuple[tuple[int, Outcome], ...]:
        with self._database() as database:
            rows = database.execute(
                "SELECT project_id, source, name, reason FROM failures WHERE ? IS NULL OR project_id = ? "
                "ORDER BY project_id, source, name",
                (project_id, project_id),
            ).fetchall()
        return tuple((row[0], Outcome(row[1], ItemState.FAILED, row[2], reason=row[3])) for row in rows)

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """One short transaction on its own connection: threads and processes share the file."""
        try:
            with closing(sqlite3.connect(self._path, timeout=BUSY_S)) as connection, connection:
                yield connection
        except (OSError, sqlite3.OperationalError) as error:
            if "full" in str(error).lower() or has_no_space(self._path.parent):
                raise StorageFull(
                    f"the record of imports {self._path} cannot be written: the disk is full; free some space and run "
                    "the same command again"
                ) from error
            raise ServiceUnavailable(
                f"the record of imports {self._path} cannot be used ({error}); look at that file"
            ) from error


def _text(value: Path | str) -> str:
    """A path, or a sentence with one, as SQLite takes it: bytes of a file's name that are no UTF-8 as \\xe9."""
    return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _medium_body(medium: SourceMedia) -> dict[str, object]:
    body = asdict(medium)
    return body | {"path": str(medium.path), "frame_rate": str(medium.frame_rate)}


def _medium_of(body: dict[str, object]) -> SourceMedia:
    values: dict[str, object] = dict(body)
    size = values["size"]
    assert isinstance(size, dict), "written by _medium_body"
    values |= {
        "kind": SourceMediaKind(str(values["kind"])),
        "path": Path(str(values["path"])),
        "content_hash": ContentHash(str(values["content_hash"])),
        "size": FrameSize(size["width"], size["height"]),
        "frame_rate": Fraction(str(values["frame_rate"])),
        "names": tuple(values["names"]),  # type: ignore[arg-type]
        "numbers": tuple(values["numbers"]),  # type: ignore[arg-type]
    }
    return SourceMedia(**values)  # type: ignore[arg-type]
