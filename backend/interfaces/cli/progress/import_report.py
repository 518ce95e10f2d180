"""The report of `masklet import`: JSON lines, one for each outcome, and a summary, however the import ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from backend.application.imports.model import ItemState, Outcome
from backend.application.imports.progress import Tally
from backend.domain.errors import InvalidInput, reason_of


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Writes to lines, or nothing if it is None. Each line is written at once: a killed import leaves its report."""

    lines: TextIO | None
    tally: Tally = field(default_factory=Tally)

    def outcome(self, outcome: Outcome) -> None:
        self.tally.add(outcome)
        self._write(outcome.document())

    def end(self, error: BaseException | None = None) -> None:
        """Writes the counts of outcomes by state, and the error that ended the import."""
        summary: dict[str, object] = {"summary": {state.value: self.tally.of(state) for state in ItemState}}
        self._write(summary if error is None else summary | {"error": reason_of(error)})

    def _write(self, document: dict[str, object]) -> None:
        if self.lines is not None:
            self.lines.write(json.dumps(document, ensure_ascii=False) + "\n")
            self.lines.flush()


@contextmanager
def open_report(path: Path | None) -> Iterator[ImportReport]:
    """The report of one import, in a new file. path None: no report. Raises InvalidInput if it cannot be written."""
    if path is None:
        yield ImportReport(None)
        return
    try:
        file = path.open("w", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise InvalidInput(f"--report {path} cannot be written: {error.strerror}") from error
    with file:
        report = ImportReport(file)
        try:
            yield report
        except BaseException as error:
            report.end(error)
            raise
        report.end()
