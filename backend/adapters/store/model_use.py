"""The ModelUse port: a file in the data folder, written by rename. Rolling back takes the newest use off a stack."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from backend.application.ports.training.queue import ActiveModel
from backend.codecs.atomic_file import write_atomically
from backend.codecs.full_disk import full_disk_told
from backend.codecs.sqlite_files import exclusive_lock
from backend.domain.errors import ModelError, NotFound

MOST_KEPT = 100


class ModelUseFile:
    """All processes that share the data folder read it. Safe in any number of them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def active(self) -> ActiveModel | None:
        uses = self._uses()
        return uses[-1] if uses else None

    def use(self, model: ActiveModel) -> None:
        with exclusive_lock(self._path):
            uses = self._uses()
            if not uses or uses[-1].name != model.name:
                self._write([*uses, model])

    def roll_back(self) -> ActiveModel | None:
        with exclusive_lock(self._path):
            uses = self._uses()
            if not uses:
                raise NotFound("no trained checkpoint is in use; there is nothing to roll back")
            self._write(uses[:-1])
        return uses[-2] if len(uses) > 1 else None

    def _uses(self) -> list[ActiveModel]:
        try:
            listed = json.loads(self._path.read_text())
            return [ActiveModel(str(each["name"]), str(each["by"]), float(each["at_s"])) for each in listed]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{self._path}, which names the model in use, cannot be read; remove it to use what MASKLET_MODEL names"
            ) from error

    def _write(self, uses: list[ActiveModel]) -> None:
        with full_disk_told(self._path):
            write_atomically(self._path, json.dumps([asdict(each) for each in uses[-MOST_KEPT:]]).encode(), synced=True)
