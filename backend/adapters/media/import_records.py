"""The records of imports: media by content, tasks by key, failures. In a SQLite file of the data folder, or in the
ledger's database, which several hosts share.

Owns the files and imports, not the work on tasks, which the ledger owns. If they are lost, the media are read again. No
task is created twice: Label Studio's tasks hold their keys.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from fractions import Fraction
from pathlib import Path

from backend.adapters.media.record_database import RecordDatabase, Run, SqliteRecords
from backend.adapters.media.undecodable import undecodable_in
from backend.application.imports.model import BatchItem, ItemState, Outcome, SourceMedia, SourceMediaKind
from backend.domain.errors import NotFound
from backend.domain.geometry import FrameSize
from backend.domain.video import ContentHash

_OF_PROJECT = "WHERE project_id = :project_id"


class ImportRecords:
    """BatchRecords and the media of imports. Safe to use from many threads and processes."""

    def __init__(self, place: Path | RecordDatabase, indices: Path | None = None) -> None:
        """place: a SQLite file, or the database of several hosts.

        indices: the folder of the videos' indices; None: nothing is known of frames that do not decode.

        Raises ServiceUnavailable if the file cannot be used or has the schema of a newer Masklet."""
        self._records = SqliteRecords(place) if isinstance(place, Path) else place
        self._indices = indices

    # media

    def medium(self, media_id: str) -> SourceMedia:
        """Of several hosts' files with this content, one of this host. Raises NotFound."""
        rows = self._run(f"SELECT body FROM {self._media} WHERE media_id = :media_id", media_id=media_id)
        if not rows:
            raise NotFound(f"Masklet knows no medium {media_id[:40]!r}; import its file again")
        media = [_medium_of(json.loads(str(body))) for (body,) in rows]
        return next((each for each in media if len(media) > 1 and each.path.exists()), media[-1])

    def is_elsewhere(self, medium: SourceMedia) -> bool:
        """Whether a medium's file is on other hosts only: it must be fetched by its address."""
        return self._records.is_shared and not medium.path.exists()

    def medium_at(self, path: Path, stamp: str) -> SourceMedia | None:
        """The recorded medium of a file or folder with this stamp; None if it was not read yet."""
        rows = self._run(
            f"SELECT media_id FROM {self._files} WHERE path = :path AND stamp = :stamp", path=_text(path), stamp=stamp
        )
        return None if not rows else self.medium(str(rows[0][0]))

    def put_medium(self, medium: SourceMedia) -> None:
        with self._records.transaction() as run:
            row = {"media_id": medium.media_id, "path": _text(medium.path), "body": json.dumps(_medium_body(medium))}
            if self._records.is_shared:
                run(
                    f"INSERT INTO {self._media} (media_id, path, body) VALUES (:media_id, :path, :body) "
                    "ON CONFLICT (media_id, path) DO UPDATE SET body = excluded.body",
                    row,
                )
            else:
                run(
                    f"INSERT INTO {self._media} (media_id, body) VALUES (:media_id, :body) "
                    "ON CONFLICT (media_id) DO UPDATE SET body = excluded.body",
                    row,
                )
            self._put_file(run, medium.path, medium.stamp, medium.media_id)

    def undecodable(self, media_id: str) -> tuple[int, ...]:
        """The frames of a medium that are known not to decode, ascending."""
        return () if self._indices is None else undecodable_in(self._indices, media_id)

    def put_alias(self, path: Path, stamp: str, media_id: str) -> None:
        """Record a file as a source of this medium. The medium may be another file (unpacked or re-encoded)."""
        with self._records.transaction() as run:
            self._put_file(run, path, stamp, media_id)

    def _put_file(self, run: Run, path: Path, stamp: str, media_id: str) -> None:
        run(
            f"INSERT INTO {self._files} (path, stamp, media_id) VALUES (:path, :stamp, :media_id) "
            "ON CONFLICT (path, stamp) DO UPDATE SET media_id = excluded.media_id",
            {"path": _text(path), "stamp": stamp, "media_id": media_id},
        )

    # items

    def items(self, project_id: int | None = None) -> tuple[BatchItem, ...]:
        """The items, ordered by project, name and segment."""
        query = f"SELECT body FROM {self._items}"
        rows = self._run(query) if project_id is None else self._run(f"{query} {_OF_PROJECT}", project_id=project_id)
        known = {field.name for field in fields(BatchItem)}
        bodies = ({k: v for k, v in json.loads(str(row[0])).items() if k in known} for row in rows)
        items = [BatchItem(**body) for body in bodies]
        return tuple(sorted(items, key=lambda item: (item.project_id, item.name, item.number)))

    def put(self, items: Sequence[BatchItem]) -> None:
        """Record items; replaces those of the same project and key."""
        with self._records.transaction() as run:
            for item in items:
                run(
                    f"INSERT INTO {self._items} (project_id, key, task_id, body) "
                    "VALUES (:project_id, :key, :task_id, :body) "
                    "ON CONFLICT (project_id, key) DO UPDATE SET task_id = excluded.task_id, body = excluded.body",
                    {
                        "project_id": item.project_id,
                        "key": item.key,
                        "task_id": item.task_id,
                        "body": json.dumps(asdict(item)),
                    },
                )

    def fail(self, project_id: int, outcome: Outcome) -> None:
        """Record the failure of a source or task."""
        self._run(
            f"INSERT INTO {self._failures} (project_id, source, name, reason) "
            "VALUES (:project_id, :source, :name, :reason) "
            "ON CONFLICT (project_id, source, name) DO UPDATE SET reason = excluded.reason",
            project_id=project_id,
            source=outcome.source,
            name=outcome.name,
            reason=_text(outcome.reason),
        )

    def clear_failure(self, project_id: int, source: str) -> None:
        """Remove the failures of a source before it is read again."""
        self._run(
            f"DELETE FROM {self._failures} {_OF_PROJECT} AND source = :source", project_id=project_id, source=source
        )

    def failures(self, project_id: int | None = None) -> tuple[tuple[int, Outcome], ...]:
        query, order = (
            f"SELECT project_id, source, name, reason FROM {self._failures}",
            "ORDER BY project_id, source, name",
        )
        if project_id is None:
            rows = self._run(f"{query} {order}")
        else:
            rows = self._run(f"{query} {_OF_PROJECT} {order}", project_id=project_id)
        return tuple(
            (int(str(project)), Outcome(str(source), ItemState.FAILED, str(name), reason=str(reason)))
            for project, source, name, reason in rows
        )

    def _run(self, statement: str, **values: object) -> Sequence[tuple[object, ...]]:
        with self._records.transaction() as run:
            return run(statement, values)

    @property
    def _media(self) -> str:
        return f"{self._records.prefix}media"

    @property
    def _files(self) -> str:
        return f"{self._records.prefix}files"

    @property
    def _items(self) -> str:
        return f"{self._records.prefix}items"

    @property
    def _failures(self) -> str:
        return f"{self._records.prefix}failures"


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
