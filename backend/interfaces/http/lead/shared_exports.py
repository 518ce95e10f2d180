"""Finished exports in a store that machines share: any web process gives them out, whichever one made them.

<number>/order.json     what was ordered; a claim on the number
<number>/alive          seconds of the wall clock; written again each minute while the export runs
<number>/export.zip     the archive
<number>/result.json    written last: done with the archive's size, or failed with the reason
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

from backend.adapters.store.objects.s3 import S3Objects
from backend.interfaces.http.lead.export_orders import INTERRUPTED, ExportOrder, ExportRun

ORDER, ALIVE, ARCHIVE, RESULT = "order.json", "alive", "export.zip", "result.json"
SILENT_S = 600.0
"""An export without a word for so long has lost its process."""

PART_BYTES = 8 * 2**20


class SharedExports:
    """Exports of all web processes. Methods raise StoreUnavailable or StorageFull."""

    def __init__(self, objects: S3Objects, now_s: Callable[[], float] = time.time) -> None:
        self._objects = objects
        self._now_s = now_s

    def claim(self, order: ExportOrder) -> str:
        """Takes a number that no other process has; returns it. The later one is higher."""
        number = int(self._now_s() * 1000)
        body = json.dumps({**asdict(order), "claim": uuid4().hex}).encode()
        while not self._objects.put_if_absent(f"{number}/{ORDER}", body):
            number += 1
        self.keep_alive(str(number))
        return str(number)

    def keep_alive(self, name: str) -> None:
        self._objects.put(f"{name}/{ALIVE}", str(self._now_s()).encode())

    def finish(self, name: str, detail: str, archive: Path) -> None:
        """Publishes an archive, unless the export was removed meanwhile."""
        if self._objects.get(f"{name}/{ORDER}") is not None:
            self._objects.put_file(f"{name}/{ARCHIVE}", archive)
            self._end(name, "done", detail, archive.stat().st_size)

    def fail(self, name: str, reason: str) -> None:
        if self._objects.get(f"{name}/{ORDER}") is not None:
            self._end(name, "failed", reason, 0)

    def _end(self, name: str, state: str, detail: str, size: int) -> None:
        self._objects.put(f"{name}/{RESULT}", json.dumps({"state": state, "detail": detail, "size": size}).encode())

    def names(self) -> list[str]:
        """The newest first."""
        return sorted((name for name in self._objects.folders() if name.isdecimal()), key=int, reverse=True)

    def read(self, name: str) -> ExportRun | None:
        """None for an export that is being removed."""
        ordered = self._objects.get(f"{name}/{ORDER}")
        if ordered is None:
            return None
        fields = json.loads(ordered)
        del fields["claim"]
        order = ExportOrder(**{**fields, "tasks": tuple(fields["tasks"])})
        ended = self._objects.get(f"{name}/{RESULT}")
        if ended is not None:
            result = json.loads(ended)
            return ExportRun(name, order, result["state"], result["detail"], None, result["size"])
        alive_s = float(self._objects.get(f"{name}/{ALIVE}") or 0.0)
        if self._now_s() - alive_s < SILENT_S:
            return ExportRun(name, order, "running", "", None, 0)
        return ExportRun(name, order, "failed", INTERRUPTED, None, 0)

    def content(self, run: ExportRun) -> Iterator[bytes]:
        """The archive of a finished export, part by part. Raises NotFound if it was removed meanwhile."""
        for start in range(0, run.size, PART_BYTES):
            yield self._objects.read_part(f"{run.name}/{ARCHIVE}", start, min(start + PART_BYTES, run.size))

    def remove(self, name: str) -> None:
        self._objects.remove(name, first=RESULT)
