"""The ModelUse port: a file in the data folder, written by rename, or a note of the ledger, for several hosts.

Rolling back takes the newest use off a stack.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from backend.application.ports.training.queue import ActiveModel
from backend.codecs.atomic_file import write_atomically
from backend.codecs.full_disk import full_disk_told
from backend.codecs.sqlite_files import exclusive_lock
from backend.domain.errors import ModelError, NotFound

MOST_KEPT = 100
NOTE = "model-in-use"


class UseRecord(Protocol):
    """The stored uses. name: for messages."""

    @property
    def name(self) -> str: ...

    def read(self) -> bytes | None:
        """Raises OSError, ServiceUnavailable."""
        ...

    def change(self, change: Callable[[bytes | None], bytes]) -> None:
        """No other change comes between. On disk on return."""
        ...


class ModelUses:
    """All processes of one ledger or data folder read it. Safe in any number of them."""

    def __init__(self, record: UseRecord) -> None:
        self._record = record

    def active(self) -> ActiveModel | None:
        uses = self._uses(self._read())
        return uses[-1] if uses else None

    def use(self, model: ActiveModel) -> None:
        def changed(body: bytes | None) -> bytes:
            uses = self._uses(body)
            return _body(uses if uses and uses[-1].name == model.name else [*uses, model])

        self._record.change(changed)

    def roll_back(self) -> ActiveModel | None:
        left: list[ActiveModel] = []

        def changed(body: bytes | None) -> bytes:
            uses = self._uses(body)
            if not uses:
                raise NotFound("no trained checkpoint is in use; there is nothing to roll back")
            left[:] = uses[:-1]
            return _body(left)

        self._record.change(changed)
        return left[-1] if left else None

    def _read(self) -> bytes | None:
        try:
            return self._record.read()
        except OSError as error:
            raise self._unreadable from error

    def _uses(self, body: bytes | None) -> list[ActiveModel]:
        if body is None:
            return []
        try:
            return [ActiveModel(str(each["name"]), str(each["by"]), float(each["at_s"])) for each in json.loads(body)]
        except (ValueError, KeyError, TypeError) as error:
            raise self._unreadable from error

    @property
    def _unreadable(self) -> ModelError:
        return ModelError(
            f"{self._record.name}, which names the model in use, cannot be read; remove it to use what MASKLET_MODEL "
            "names"
        )


class UseFile:
    """The uses in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    def read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None

    def change(self, change: Callable[[bytes | None], bytes]) -> None:
        with exclusive_lock(self._path), full_disk_told(self._path):
            write_atomically(self._path, change(self.read()), synced=True)


class KeptNotes(Protocol):
    """The notes of the ledger."""

    def read(self, name: str) -> bytes | None: ...

    def change(self, name: str, change: Callable[[bytes | None], bytes], *, durable: bool = False) -> bytes: ...


class UseNote:
    """The uses in a note of the ledger."""

    def __init__(self, notes: KeptNotes) -> None:
        self._notes = notes
        self.name = f"the ledger's note {NOTE!r}"

    def read(self) -> bytes | None:
        return self._notes.read(NOTE)

    def change(self, change: Callable[[bytes | None], bytes]) -> None:
        self._notes.change(NOTE, change, durable=True)


def _body(uses: list[ActiveModel]) -> bytes:
    return json.dumps([asdict(each) for each in uses[-MOST_KEPT:]]).encode()
